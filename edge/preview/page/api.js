// Requests to the camera. Identity travels in bodies only, never in an address.
export class Refusal extends Error {
  /** @param {number} status of HTTP; 0 where there was no answer.
   *  @param {string} sentence of the camera, in English.
   *  @param {string} code where the page has words of its own for it. */
  constructor(status, sentence = "", code = "") {
    super(sentence);
    Object.assign(this, { status, code });
  }
}

export async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? { cache: "no-store" } : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0);
  }
  let said = null;
  try { said = await answer.json(); } catch { /* no JSON, or cut off */ }
  if (!answer.ok) throw new Refusal(answer.status, said?.error, said?.code);
  return said ?? {};
}
