// From a file to pixels, as the program reads it: upright, its colours untouched, on black where it is transparent.
import { Trouble } from "./dom.js";

export const MOST_MEGAPIXELS = 25, SMALLEST = 32;

/** Pixels of a file: {width, height, rgba}. */
export async function readPicture(file) {
  const name = file.name || "The picture";
  const unreadable = new Trouble(`${name} is no picture that this browser can read: choose a JPEG or PNG photograph.`);
  const address = URL.createObjectURL(file);
  try {
    await checkSize(name, address, unreadable);
  } finally {
    URL.revokeObjectURL(address);
  }
  await checkWhole(name, file);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch { throw unreadable; }
  const pixels = pixelsOf(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return pixels;
}

/** Pixels of anything that can be drawn. */
export function pixelsOf(drawable, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const brush = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  try {
    brush.drawImage(drawable, 0, 0);
    return { width, height, rgba: brush.getImageData(0, 0, width, height).data };
  } catch { throw new Trouble(`This browser has no memory for ${width} x ${height} pixels: save the picture smaller.`); }
}

/** By what the header says, before all of it is decoded. */
async function checkSize(name, address, unreadable) {
  const image = new Image();
  await new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(unreadable);
    image.src = address;
  });
  const { naturalWidth: width, naturalHeight: height } = image;
  if (!width || !height) throw unreadable;
  if (Math.min(width, height) < SMALLEST)
    throw new Trouble(`${name} has ${width} x ${height} pixels, fewer than ${SMALLEST} on a side: give the original photograph.`);
  if (width * height > MOST_MEGAPIXELS * 1e6)
    throw new Trouble(`${name} has ${width} x ${height} pixels, more than the ${MOST_MEGAPIXELS} megapixels that this page reads: save it smaller, or grade it with edge-grade.`);
}

/** Browsers show what is left of a damaged JPEG, grey where it ends: that would be graded as if it were the photograph. */
async function checkWhole(name, file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return;
  const damaged = new Trouble(`${name} is damaged or cut off: copy it again from its source.`);
  if (!endsAsJpeg(bytes)) throw damaged;
  if (typeof ImageDecoder !== "function") return;
  const decoder = new ImageDecoder({ data: bytes, type: "image/jpeg" });
  try {
    (await decoder.decode({ completeFramesOnly: true })).image.close();
  } catch { throw damaged; } finally { decoder.close(); }
}

function endsAsJpeg(bytes) {
  for (let at = bytes.length - 2; at > 1; at--)
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}
