// Photographs and cameras in, what the model says of them out.
import { assessmentOf } from "./assessment.js";
import { $, Trouble, fail, say } from "./dom.js";
import { gradePixels, load } from "./model.js";
import { pixelsOf, readPicture } from "./picture.js";
import { forget, show } from "./result.js";
import { chosenCamera, frameNow, listCameras, startCamera, stopCamera } from "./webcam.js";
import told from "built:told.json";

const PAUSE_MS = 40; // between two frames of a camera: the page stays quick, and a phone cooler

let asked = 0; // the newest photograph or camera; answers about an older one are dropped
let busy = Promise.resolve();

// --- one after the other: the model has one worker
function next(work) {
  busy = busy.then(work, work);
  return busy;
}

async function gradeFile(file) {
  const turn = begin(`Looking at ${file.name || "the picture"}…`);
  try {
    await next(async () => {
      if (turn !== asked) return;
      const pixels = await readPicture(file);
      await grade(pixels, turn, file.name || "picture");
      say("");
    });
  } catch (error) { trouble(error, turn); }
}

async function grade(pixels, turn, name) {
  const kept = { ...pixels, rgba: pixels.rgba.slice() };
  const found = assessmentOf(await gradePixels(pixels));
  if (turn === asked) show(kept, found, name);
}

/** What was shown is over: stop the camera, forget the answer. */
function begin(sentence) {
  stopCamera();
  $("camera").setAttribute("aria-pressed", "false");
  $("camera").textContent = "Camera";
  $("which").hidden = true;
  fail();
  forget();
  say(sentence);
  return ++asked;
}

function trouble(error, turn) {
  if (turn !== asked) return;
  begin("");
  fail(error instanceof Trouble ? error.message : `Something failed that should not (${error?.message ?? error}): load the page again.`);
}

// --- the camera
async function watch(id = "") {
  const turn = begin("Waiting for the camera…");
  try {
    await startCamera(id, () => trouble(new Trouble("The camera went away: connect it again, or choose a photograph."), turn));
    if (turn !== asked) return;
    $("camera").setAttribute("aria-pressed", "true");
    $("camera").textContent = "Stop";
    await offerCameras();
    say("Live");
    while (turn === asked) {
      const frame = frameNow();
      if (frame) await next(() => grade(pixelsOf(frame, frame.videoWidth, frame.videoHeight), turn, "camera"));
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) { trouble(error, turn); }
}

async function offerCameras() {
  const cameras = await listCameras(), chosen = chosenCamera();
  $("which").hidden = cameras.length < 2;
  $("cameras").replaceChildren(...cameras.map(([id, name]) => new Option(name, id, false, id === chosen)));
}

/** Stopped, the last frame stays to be looked at. */
function stopWatching() {
  asked++;
  stopCamera();
  $("camera").setAttribute("aria-pressed", "false");
  $("camera").textContent = "Camera";
  $("which").hidden = true;
  say("Stopped: this was the last frame.");
}

const toggleCamera = () => ($("camera").getAttribute("aria-pressed") === "true" ? stopWatching() : watch());

// --- what a person does
function choose() { $("file").click(); }

function listen() {
  $("choose").addEventListener("click", choose);
  $("camera").addEventListener("click", toggleCamera);
  $("cameras").addEventListener("change", (event) => watch(event.target.value));
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    if (file) gradeFile(file);
    $("file").value = ""; // the same one may be chosen again
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) gradeFile(file);
  });
  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) gradeFile(file);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select, pre")) return;
    ({ o: choose, c: toggleCamera })[event.key.toLowerCase()]?.();
  });
  addEventListener("pagehide", stopCamera);
}

function offerExamples() {
  for (const { name, data } of told.examples) {
    const button = document.createElement("button");
    button.type = "button";
    const image = Object.assign(new Image(), { src: `data:image/jpeg;base64,${data}`, alt: "" });
    button.append(image, name);
    button.addEventListener("click", () => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      gradeFile(new File([bytes], name, { type: "image/jpeg" }));
    });
    $("examples").append(button);
  }
}

async function start() {
  $("model").textContent = `Model ${told.model} (${told.bundle}), run by onnxruntime-web ${told.onnxruntime_web}.`;
  try {
    await load((share) => say(`Loading the model: ${Math.floor(100 * share)} %`));
  } catch (error) {
    document.body.dataset.state = "failed";
    return trouble(error, asked);
  }
  listen();
  offerExamples();
  for (const each of ["choose", "camera"]) $(each).disabled = false;
  document.body.dataset.state = "ready";
  say("Ready: choose a photograph, drop one here, or try a synthetic eye.");
}

start();
