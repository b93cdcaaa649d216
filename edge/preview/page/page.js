// The page beside the camera. Words come as server-sent events, pictures one by one over a WebSocket: the next is asked
// for when the last one is shown, so none is old, however slow the phone.
const $ = (id) => document.getElementById(id);
const SECONDS = 30; // of the course of the quality
const STALE_MS = 2000;
const NOTE_MS = 15000;
// Sounds by their names in hints.yaml: frequencies in Hz, one after the other; the side pans it.
const SOUNDS = {
  falling: [440, 220], rising: [440, 880], wavering: [330, 370, 330], ping: [1320], side: [520, 390],
  steering: [390, 520], drifting: [300, 280], blinking: [520, 0, 520], searching: [260], steady: [660, 880],
};

let words = {}, language = "en", state = null, history = [], socket = null, asked = false, events = null;
let session = null, kept = 0, lastFrame = 0, live = false, ended = false, waiting = null, audio = null, noted = null, hinted = "";

// A link may bring the token behind a #, which no server and no log ever sees; nor does who looks at the screen.
let brought = bring();
window.addEventListener("hashchange", () => { // a link that was opened in this very tab
  brought = bring() ?? brought;
  if (brought && $("door").open) unlock(brought);
});

function bring() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) window.history.replaceState(null, "", "/");
  return token;
}

// --- what a user has set, kept in this browser only
const remembered = (key, otherwise) => { try { return localStorage.getItem(key) ?? otherwise; } catch { return otherwise; } };
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* a private window */ } };

const word = (name) => (words[language] ?? words.en)[name] ?? name;

function speak() {
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  $("picture").alt = word("view");
  $("meter").setAttribute("aria-label", word("score"));
  $("history").setAttribute("aria-label", word("course"));
  $("link").textContent = live ? "" : word(document.body.dataset.link);
}

// --- connections
function link(name) {
  if (document.body.dataset.link === name) return;
  live = name === "live";
  document.body.dataset.link = name;
  $("link").textContent = live ? "" : word(name);
}

function retry() {
  if (waiting === null) waiting = setTimeout(() => { waiting = null; enter(); }, 1000);
}

function lost() {
  events?.close();
  socket?.close();
  link(ended ? "ended" : "lost");
  retry();
}

async function enter() {
  try {
    const answer = await fetch("/captures");
    if (answer.status === 401) { if (!await key()) { knock(); return; } }
    else if (!answer.ok) throw new Error(answer.status);
  } catch { return lost(); }
  listen();
  watch();
}

function listen() {
  events?.close();
  events = new EventSource(`/state?language=${language}`);
  events.onerror = lost;
  events.addEventListener("session", (event) => begin(JSON.parse(event.data)));
  events.addEventListener("frame", (event) => show(JSON.parse(event.data)));
  events.addEventListener("captures", (event) => list(JSON.parse(event.data)));
  events.addEventListener("note", (event) => note(JSON.parse(event.data)));
  events.addEventListener("end", () => { ended = true; link("ended"); });
}

function watch() {
  if (socket) socket.onclose = null;
  socket?.close();
  socket = new WebSocket(location.origin.replace("http", "ws") + "/stream");
  asked = false;
  socket.onopen = ask;
  socket.onmessage = (event) => {
    const url = URL.createObjectURL(event.data);
    const next = () => { URL.revokeObjectURL(url); asked = false; ask(); };
    $("picture").onload = $("picture").onerror = next;
    $("picture").src = url;
  };
  socket.onclose = lost;
}

function ask() {
  if (asked || document.hidden || socket?.readyState !== WebSocket.OPEN) return;
  asked = true;
  socket.send($("map").checked ? "overlay" : "plain");
}

// --- the door
async function key(given) {
  const token = given ?? brought;
  if (!token) return false;
  brought = null;
  return (await post("/login", { token })).ok;
}

function knock() {
  link("connecting");
  if (!$("door").open) $("door").showModal();
  if (brought) unlock(brought); // a link that came while another token was tried
}

async function unlock(given) {
  $("door-said").textContent = "";
  try {
    if (await key(given)) { $("door").close(); $("token").value = ""; enter(); return; }
    $("door-said").textContent = word("wrong");
  } catch { $("door-said").textContent = word("failed"); }
}

$("door").addEventListener("cancel", (event) => event.preventDefault());
$("login").addEventListener("submit", (event) => { event.preventDefault(); unlock($("token").value); });

const post = (path, body) =>
  fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// --- what the session says
function begin(said) {
  if (said.session !== session) { // the server was restarted
    session = said.session;
    ended = false;
    kept = 0;
    history = said.history.slice();
    $("note").hidden = true;
  }
  $("trigger").hidden = $("kept").hidden = !said.keeps;
  $("strictness").hidden = said.strictness === null;
  for (const each of document.getElementsByName("strictness")) each.checked = each.value === said.strictness;
  const known = said.languages.filter((each) => each in words);
  if ($("language").options.length !== known.length)
    $("language").replaceChildren(...known.map((each) => new Option(words[each].name, each, false, each === language)));
}

// Cut, not rounded: no score looks like 1, or like a threshold, that it does not reach.
function shown(score) {
  return (Math.floor(score * 1000 + 1e-6) / 1000).toFixed(3);
}

// What a screening criterion says, where the session has one.
function judged({ criterion }) {
  if (!criterion) return "";
  const name = criterion.verified ? criterion.criterion : `${criterion.criterion} (${word("unverified")})`;
  if (criterion.adequate) return `${name}: ${word("adequate")}`;
  return `${name}: ${word("inadequate")} (${criterion.failed.map((each) => word(`need_${each.requirement}`)).join(", ")})`;
}

function show(frame) {
  state = frame;
  lastFrame = performance.now();
  if (!ended) link("live");
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

function tell(hint) {
  const text = hint?.text ?? "";
  if (text === hinted) return;
  const other = $("hint").dataset.code !== (hint?.code ?? "");
  hinted = $("text").textContent = text;
  $("icon").textContent = hint?.icon ?? "";
  $("hint").dataset.code = hint?.code ?? "";
  $("pointer").toggleAttribute("hidden", !hint?.clock);
  if (hint?.clock) $("pointer").firstElementChild.setAttribute("transform", `rotate(${hint.clock * 30})`);
  if (hint && other) play(SOUNDS[hint.sound] ?? [440], hint.clock);
}

function draw() {
  const canvas = $("history"), now = history.at(-1)[0];
  while (history[0][0] < now - SECONDS) history.shift();
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

function list(captures) {
  $("none").hidden = captures.length > 0;
  $("captures").replaceChildren(...captures.toReversed().map((capture) => {
    const item = document.createElement("li"), button = document.createElement("button");
    const picture = document.createElement("img"), label = document.createElement("span");
    button.type = "button";
    picture.src = capture.overlay;
    picture.alt = word("picture").replace("{n}", capture.number);
    label.textContent = `${shown(capture.score)} ${word(capture.verdict)}`;
    button.append(picture, label);
    if (capture.criterion) {
      const said = document.createElement("span");
      said.className = "adequacy";
      said.textContent = judged(capture);
      button.append(said);
    }
    button.addEventListener("click", () => enlarge(capture));
    item.append(button);
    return item;
  }));
  const newest = captures.at(-1)?.number ?? 0;
  if (newest > kept && lastFrame > 0) {
    $("said").textContent = word("taken").replace("{n}", newest);
    play([1600, 900], null, 0.05);
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(60);
  }
  kept = newest;
}

function enlarge(capture) {
  $("large-title").textContent =
    `${word("picture").replace("{n}", capture.number)}: ${shown(capture.score)} ${word(capture.verdict)} ${judged(capture)}`.trim();
  $("large-picture").src = $("map").checked ? capture.overlay : capture.plain;
  $("large-picture").alt = $("large-title").textContent;
  $("large").showModal();
}

function note(sentence) {
  $("note").textContent = sentence;
  $("note").hidden = false;
  clearTimeout(noted);
  noted = setTimeout(() => { $("note").hidden = true; }, NOTE_MS);
}

// --- what the operator does
async function trigger() {
  if ($("trigger").hidden) return;
  $("said").textContent = word("asked");
  try { if (!(await post("/trigger", {})).ok) throw new Error(); } catch { $("said").textContent = word("failed"); }
}

function play(tones, clock, seconds = 0.12) {
  if (!$("sound").checked) return;
  audio ??= new AudioContext();
  const side = audio.createStereoPanner(), volume = audio.createGain();
  side.pan.value = clock ? Math.sin((clock * Math.PI) / 6) : 0;
  volume.gain.value = 0.15;
  volume.connect(side).connect(audio.destination);
  tones.forEach((tone, index) => {
    const voice = new OscillatorNode(audio, { frequency: tone });
    voice.connect(volume);
    voice.start(audio.currentTime + index * seconds);
    voice.stop(audio.currentTime + (index + 1) * seconds);
  });
}

function flip(box) {
  $(box).checked = !$(box).checked;
  flipped(box);
}

function flipped(box) {
  remember(box, $(box).checked);
  if (box === "sound") play(SOUNDS.steady);
}

// The phone must not fall asleep beside the camera; browsers offer this on HTTPS and on the machine itself.
async function stayAwake() {
  try { if (!document.hidden) await navigator.wakeLock?.request("screen"); } catch { /* a battery nearly empty */ }
}

$("trigger").addEventListener("click", trigger);
$("large-close").addEventListener("click", () => $("large").close());
for (const box of ["map", "sound"]) {
  $(box).checked = remembered(box, box === "map" ? "true" : "false") === "true";
  $(box).addEventListener("change", () => flipped(box));
}
$("language").addEventListener("change", () => {
  language = $("language").value;
  remember("language", language);
  speak();
  listen();
});
$("strictness").addEventListener("change", async (event) => {
  try { if (!(await post("/settings", { strictness: event.target.value })).ok) throw new Error(); }
  catch { $("said").textContent = word("failed"); }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.querySelector("dialog[open]")) return;
  const busy = event.target.closest("button, input, select, summary");
  if (event.code === "Space" && !busy) { event.preventDefault(); trigger(); }
  else if (event.code === "KeyM" && event.target.tagName !== "SELECT") flip("map");
  else if (event.code === "KeyS" && event.target.tagName !== "SELECT") flip("sound");
});
document.addEventListener("visibilitychange", () => { ask(); stayAwake(); });
setInterval(() => { if (live && performance.now() - lastFrame > STALE_MS) link("stalled"); }, 500);

words = await (await fetch("/words.json")).json();
language = remembered("language", navigator.language.slice(0, 2));
if (!(language in words)) language = "en";
speak();
enter();
stayAwake();
