// The files beside the page; in the page that is one file, they are in it.
import { Trouble } from "./dom.js";

/** The bytes of a file.
 *  @param {string} name beside the page.
 *  @param {(bytes: number) => void} arrived how many more have come. */
export async function bytesOf(name, arrived) {
  const within = document.getElementById(`file:${name}`);
  if (within) {
    const bytes = await unfolded(within.textContent);
    arrived(bytes.length);
    return bytes;
  }
  const missing = new Trouble(`${name} is not beside this page: build the page again with "make try", and serve its whole folder.`);
  let answer;
  try { answer = await fetch(name); } catch { throw missing; }
  if (!answer.ok || !answer.body) throw missing;
  const parts = [], reader = answer.body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value);
      arrived(next.value.length);
    }
  } catch { throw new Trouble(`${name} did not arrive whole: load the page again.`); }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Bytes from base64 of gzip: a page that is one file would be twice as large without. */
async function unfolded(text) {
  const raw = atob(text.trim()), folded = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at++) folded[at] = raw.charCodeAt(at);
  const stream = new Blob([folded]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
