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
  const damaged = new Trouble(`${name} is damaged or cut off: copy it again from its source.`);
  if (await isCutJpeg(file)) throw damaged;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch { throw damaged; } // its header could be read
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

/** Whether a JPEG has no end: some browsers show what is left of it, grey where it ends, as if it were the photograph. */
async function isCutJpeg(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  for (let at = bytes.length - 2; at > 1; at--)
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return false;
  return true;
}
