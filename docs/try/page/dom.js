// What every module needs of the document. Text is always set as text, never as markup.
export const $ = (id) => document.getElementById(id);

/** A sentence for a person: what was wrong, and what to do. */
export class Trouble extends Error {}

export const say = (sentence) => { $("said").textContent = sentence; };

/** Show what failed, or nothing more of it. */
export function fail(sentence = "") {
  $("failed").hidden = !sentence;
  $("failed").textContent = sentence;
}
