// Requests to the camera. Identity travels in bodies only, never in an address.
export class Refusal extends Error {
  /** @param {number} status of HTTP; 0 where there was no answer. */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

export async function ask(path, body) {
  let answer;
  try {
    answer = await fetch(path, body === undefined ? { cache: "no-store" } : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "");
  }
  let said = null;
  try { said = await answer.json(); } catch { /* no JSON, or cut off */ }
  if (!answer.ok) throw new Refusal(answer.status, said?.error ?? "");
  return said ?? {};
}
