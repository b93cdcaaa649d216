// A camera of this device, frame by frame.
import { Trouble } from "./dom.js";

const WHY = {
  NotFoundError: "No camera was found: connect one, or choose a photograph.",
  OverconstrainedError: "No camera was found: connect one, or choose a photograph.",
  NotAllowedError: "The camera was refused: allow it in the settings of this page, or choose a photograph.",
  SecurityError: "The camera was refused: allow it in the settings of this page, or choose a photograph.",
  NotReadableError: "The camera cannot be read: close the program that uses it, or connect it again.",
  AbortError: "The camera cannot be read: close the program that uses it, or connect it again.",
};

let video = null;

/** Start a camera, the one behind a phone first.
 *  @param {string} id of a camera, or nothing.
 *  @param {() => void} ended when it goes away by itself. */
export async function startCamera(id, ended) {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Trouble("A browser gives its camera only to pages over https:// or from this machine: open the page so, or choose a photograph.");
  const wanted = id ? { deviceId: { exact: id } } : { facingMode: { ideal: "environment" } };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 960 } } });
  } catch (error) {
    throw new Trouble(WHY[error?.name] ?? `The camera did not start (${error?.message}): choose a photograph.`);
  }
  stopCamera();
  const made = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
  video = made;
  for (const track of stream.getTracks()) track.addEventListener("ended", () => { if (video === made) ended(); });
  await made.play();
}

export function stopCamera() {
  for (const track of video?.srcObject.getTracks() ?? []) track.stop();
  video = null;
}

/** What the camera shows now, to be drawn; null while it shows nothing. */
export const frameNow = () => (video && video.videoWidth && video.readyState >= 2 ? video : null);

export const chosenCamera = () => video?.srcObject.getVideoTracks()[0]?.getSettings().deviceId ?? "";

/** The cameras, by id and name; browsers name them once one was allowed. */
export async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((each) => each.kind === "videoinput").map((each, number) => [each.deviceId, each.label || `Camera ${number + 1}`]);
}
