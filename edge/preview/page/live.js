// The frame of now: its quality, and the one hint, large, with its arrow.
import { $ } from "/dom.js";
import { SOUNDS, play } from "/sound.js";
import { onLanguage, word } from "/words.js";

const SECONDS = 30; // of the course of the quality

let history = [], hinted = "", shownFrame = null;

// Cut, not rounded: no score looks like 1, or like a threshold, that it does not reach.
export function shown(score) {
  return (Math.floor(score * 1000 + 1e-6) / 1000).toFixed(3);
}

/** What a screening criterion says, where the session has one. */
export function judged({ criterion }) {
  if (!criterion) return "";
  const name = criterion.verified ? criterion.criterion : `${criterion.criterion} (${word("unverified")})`;
  if (criterion.adequate) return `${name}: ${word("adequate")}`;
  return `${name}: ${word("inadequate")} (${criterion.failed.map((each) => word(`need_${each.requirement}`)).join(", ")})`;
}

export function startOver(points) {
  history = points.slice();
}

export function showFrame(frame) {
  shownFrame = frame;
  const percent = Math.floor(frame.score * 100 + 1e-6);
  $("bar").style.width = `${percent}%`;
  $("bar").dataset.verdict = frame.verdict;
  $("number").textContent = shown(frame.score);
  $("verdict").textContent = word(frame.verdict);
  $("meter").setAttribute("aria-valuenow", percent);
  $("meter").setAttribute("aria-valuetext", `${percent} % ${word(frame.verdict)}`);
  $("adequacy").hidden = !frame.criterion;
  $("adequacy").textContent = judged(frame);
  tell(frame.hint);
  const last = history.at(-1);
  if (last && frame.t < last[0]) history = [];
  if (!last || frame.t - last[0] >= 0.1) { history.push([frame.t, frame.score]); draw(); }
}

/** Nothing is known of this moment: no hint, score or arrow of an earlier one may stand there as if it were. */
export function forgetFrame() {
  shownFrame = null;
  tell(null);
  $("bar").style.width = "0";
  $("number").textContent = "–";
  $("verdict").textContent = $("adequacy").textContent = "";
  $("meter").setAttribute("aria-valuenow", 0);
  $("meter").setAttribute("aria-valuetext", "–");
}

function tell(hint) {
  const text = hint?.text ?? "";
  if (text === hinted) return;
  const other = $("hint").dataset.code !== (hint?.code ?? "");
  hinted = $("text").textContent = text;
  $("sign").textContent = hint?.icon ?? "";
  $("hint").dataset.code = hint?.code ?? "";
  $("pointer").toggleAttribute("hidden", !hint?.clock);
  $("arrow").toggleAttribute("hidden", !hint?.clock);
  $("sign").hidden = Boolean(hint?.clock);
  const turned = `rotate(${(hint?.clock ?? 0) * 30})`;
  for (const drawing of ["pointer", "arrow"]) $(drawing).firstElementChild.setAttribute("transform", turned);
  if (hint && other) play(SOUNDS[hint.sound] ?? [440], hint.clock);
}

function draw() {
  const canvas = $("history"), now = history.at(-1)[0];
  while (history[0][0] < now - SECONDS) history.shift();
  if (!canvas.clientHeight) return; // a small screen has no room for it
  const width = (canvas.width = canvas.clientWidth * devicePixelRatio);
  const height = (canvas.height = canvas.clientHeight * devicePixelRatio);
  const brush = canvas.getContext("2d");
  brush.strokeStyle = "#3a4552";
  for (const level of [0.25, 0.5, 0.75]) brush.strokeRect(-1, height * level, width + 2, 0);
  brush.strokeStyle = "#f4f6f8";
  brush.lineWidth = 2 * devicePixelRatio;
  brush.beginPath();
  for (const [t, score] of history)
    brush.lineTo(width * (1 - (now - t) / SECONDS), height * (0.95 - 0.9 * score));
  brush.stroke();
}

onLanguage(() => { if (shownFrame) showFrame(shownFrame); });
