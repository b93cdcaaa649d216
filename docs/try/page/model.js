// The model in its worker: loaded once, then asked.
import workerText from "built:worker";
import { bytesOf } from "./assets.js";
import { Trouble } from "./dom.js";
import told from "built:told.json";

const waiting = new Map();
let worker = null, last = 0;

/** @param {(share: number) => void} progress of what has to arrive, 0 to 1. */
export async function load(progress) {
  let bytes = 0;
  const arrived = (more) => progress(Math.min(1, (bytes += more) / told.bytes));
  const [wasm, model] = await Promise.all([bytesOf("ort.wasm", arrived), bytesOf("model.onnx", arrived)]);
  if (await sha256(model) !== told.model_sha256) // a half-written file would fail with words that help nobody
    throw new Trouble('model.onnx is not the one that this page was built with: build the page again with "make try".');
  // From a blob, it is held by this page's policy too, and it can start from a file.
  worker = new Worker(URL.createObjectURL(new Blob([workerText], { type: "text/javascript" })));
  worker.onmessage = ({ data: { number, found, error } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (error === undefined) resolve(found);
    else reject(new Trouble(`The model failed (${error}): load the page again.`));
  };
  worker.onerror = () => {
    for (const { reject } of waiting.values()) reject(new Trouble("The model could not run in this browser: use a newer one."));
    waiting.clear();
  };
  await ask("load", { wasm, model }, [wasm.buffer, model.buffer]);
}

/** What the model says of pixels: outputs by name, as lists, and the milliseconds. The pixels are gone afterwards. */
export const gradePixels = ({ width, height, rgba }) => ask("grade", { width, height, rgba }, [rgba.buffer]);

function ask(task, given, transferred) {
  return new Promise((resolve, reject) => {
    waiting.set(++last, { resolve, reject });
    worker.postMessage({ number: last, task, ...given }, transferred);
  });
}

async function sha256(bytes) {
  if (!crypto.subtle) return told.model_sha256; // not over plain HTTP from another machine
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
