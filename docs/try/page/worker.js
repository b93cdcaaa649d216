// The model, off the page's own thread. It is given bytes and pixels, and asks for nothing.
import { InferenceSession, Tensor, env } from "onnxruntime-web/wasm";

env.wasm.numThreads = 1; // more would need headers that a static server does not send
env.wasm.proxy = false;
env.logLevel = "error";

let session = null;

const does = {
  async load({ wasm, model }) {
    env.wasm.wasmBinary = wasm;
    // As it was exported: what an optimiser would fuse is rounded in another way than the program rounds.
    session = await InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "disabled" });
    return {};
  },

  async grade({ width, height, rgba }) {
    const rgb = new Uint8Array(width * height * 3);
    for (let from = 0, to = 0; to < rgb.length; from += 4) {
      rgb[to++] = rgba[from];
      rgb[to++] = rgba[from + 1];
      rgb[to++] = rgba[from + 2];
    }
    const began = performance.now();
    const found = await session.run({ frame: new Tensor("uint8", rgb, [height, width, 3]) });
    const milliseconds = performance.now() - began, values = {};
    for (const [name, tensor] of Object.entries(found)) values[name] = Array.from(tensor.data, Number);
    return { values, milliseconds };
  },
};

/** A red disc on black, brighter in its middle. */
function disc(side) {
  const rgba = new Uint8ClampedArray(side * side * 4);
  for (let at = 0; at < side * side; at++) {
    const away = Math.hypot((at % side) - side / 2, Math.floor(at / side) - side / 2) / (side / 2);
    if (away < 0.9) rgba.set([220 - 80 * away, 110 - 60 * away, 50 - 20 * away, 255], 4 * at);
  }
  return { width: side, height: side, rgba };
}

let last = Promise.resolve(); // one after the other: the runtime does one thing at a time

onmessage = ({ data: { number, task, ...given } }) => {
  last = last.then(async () => {
    try {
      postMessage({ number, found: await does[task](given) });
    } catch (error) {
      postMessage({ number, error: String(error?.message ?? error) });
    }
  });
  // The first frames take three times as long. They are of nobody, and graded while a person looks for a photograph.
  if (task === "load") last = last.then(() => does.grade(disc(256))).catch(() => {});
};
