// What was found, in words, figures and pictures.
import { shown } from "./assessment.js";
import { $ } from "./dom.js";
import { drawMapped, drawPlain } from "./overlay.js";
import told from "built:told.json";

const VERDICTS = { good: "Good", usable: "Usable", reject: "Not good enough", no_fundus: "No retina seen" };
const FIELDS = { macula: "centred on the macula", disc: "centred on the optic disc", other: "centred on neither disc nor macula" };

const percent = (share) => `${Math.round(100 * share)} %`;

/** What to do, in the words of the program. */
function advice({ verdict, cause }) {
  if (verdict === "good") return "Keep it: nothing that matters is hidden.";
  if (verdict === "no_fundus") return told.hints.no_fundus;
  return told.hints[cause] ?? "";
}

export function forget() {
  write("told", "");
  $("result").hidden = true;
}

export function show(pixels, found, name) {
  const scale = drawPlain($("plain"), pixels);
  drawMapped($("mapped"), $("plain"), found, scale);
  const word = VERDICTS[found.verdict];
  write("verdict", word);
  write("advice", advice(found));
  write("told", `${word}. ${advice(found)}`);
  $("grade").dataset.verdict = found.verdict;
  $("bar").style.width = `${100 * found.score}%`;
  for (const each of ["usable", "good"]) $(each).style.left = `${100 * told.thresholds[each]}%`;
  $("meter").setAttribute("aria-valuenow", shown(found.score));
  $("meter").setAttribute("aria-valuetext", `${shown(found.score)}, ${word}`);
  write("number", `Score ${shown(found.score)}; ${from("usable")}, ${from("good")}`);
  write("cause", causeWords(found));
  write("eye", found.eye ? `${found.eye}, if the picture is not mirrored` : "not told");
  write("field", found.verdict === "no_fundus" ? "–" : fieldWords(found.field_definition));
  write("coverage", `${percent(found.coverage)} of the field`);
  write("time", `${found.milliseconds} ms for ${pixels.width} x ${pixels.height} pixels`);
  $("mapped").setAttribute("aria-label", `The photograph under its map: ${word}, ${$("cause").textContent}`);
  $("plain").setAttribute("aria-label", `The photograph: ${name}`);
  const { map, field, grid, ...figures } = found;
  $("figures").textContent = JSON.stringify(figures, null, 1);
  $("figures").dataset.map = JSON.stringify(map);
  $("result").dataset.of = name;
  $("result").hidden = false;
}

/** A threshold as the pages of the program say it, so that nobody looks for a difference. */
const from = (verdict) => `${verdict} from ${told.thresholds[verdict].toFixed(3)}`;

/** Only what is new is written: a screen reader would say the same of every frame of a camera. */
function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** The main cause first; others where they took one cell in a hundred. */
function causeWords({ causes, verdict }) {
  const named = causes.filter(({ share }, at) => at === 0 || share >= 0.01);
  const words = named.map(({ code, share }) => `${code.replace("_", " ")}, ${percent(share)} of the field`);
  return words.join("; ") || (verdict === "good" ? "nothing that matters" : "–");
}

function fieldWords({ kind, width, disc_to_edge: edge }) {
  const more = width === null ? "" : `, ${width.toFixed(1)} disc diameters wide, disc ${edge < 0 ? "cut by the edge" : `${edge.toFixed(1)} from the edge`}`;
  return FIELDS[kind] + more;
}
