// Languages, and what a user has set, kept in this browser only: three switches, never anything of a patient.
import { $ } from "/dom.js";

const words = await (await fetch("/words.json")).json();
const listeners = [];
let chosen = null;

export const remembered = (key, otherwise) => { try { return localStorage.getItem(key) ?? otherwise; } catch { return otherwise; } };
export const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window */ } };

export const language = () => chosen;
export const known = (languages) => languages.filter((each) => each in words).map((each) => [each, words[each].name]);

/** A word or sentence; {name} in it stands for what is given. */
export function word(name, fill = {}) {
  return (words[chosen][name] ?? name).replace(/\{(\w+)\}/g, (whole, key) => fill[key] ?? whole);
}

/** Call now, and whenever the language changes. */
export function onLanguage(listener) {
  listeners.push(listener);
  listener();
}

export function choose(name) {
  chosen = name in words ? name : "en";
  document.documentElement.lang = chosen;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  $("picture").alt = word("view");
  for (const listener of listeners) listener();
}

export function size(mib) {
  const [value, unit] = mib >= 1024 ? [mib / 1024, "gigabyte"] : [mib, "megabyte"];
  const digits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(chosen, { style: "unit", unit, maximumFractionDigits: digits }).format(value);
}

export function moment(iso) {
  const date = new Date(iso);
  return isNaN(date) ? String(iso) : new Intl.DateTimeFormat(chosen, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** The time of day of a moment; nothing where there is none. */
export function clock(iso) {
  const date = new Date(iso);
  return iso && !isNaN(date) ? new Intl.DateTimeFormat(chosen, { timeStyle: "short" }).format(date) : "";
}

choose(remembered("language", navigator.language.slice(0, 2)));
