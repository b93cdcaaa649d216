// The way to the camera: words come as server-sent events, pictures one by one over a WebSocket: the next is asked for
// when the last one is shown, so none is old, however slow the phone. What is not of this moment is not shown at all.
import { ask } from "/api.js";
import { open, $ } from "/dom.js";
import { language, onLanguage, word } from "/words.js";

const STALE_MS = 2000, RETRY_MS = 1000, TICK_MS = 500, SLEPT_MS = 3000, ANSWER_MS = 8000;

let socket = null, asked = false, events = null, waiting = null, attempt = 0, lastFrame = 0, ended = false, tick = Date.now();
let heard = {}, onLink = () => {}, brought = bring();

/** Connect, and stay connected.
 * @param {object} listeners of the events of /state by name; each gets the data, and a note its number.
 * @param {function} changed called with "connecting", "live", "stalled", "lost" or "ended". */
export function connect(listeners, changed) {
  heard = listeners;
  onLink = changed;
  onLanguage(() => { $("link-text").textContent = isLive() ? "" : word(document.body.dataset.link); if (events) listen(); });
  enter();
  stayAwake();
}

export const isLive = () => document.body.dataset.link === "live";
export const isConnected = () => ["live", "stalled"].includes(document.body.dataset.link);

function link(name) {
  if (document.body.dataset.link === name) return;
  document.body.dataset.link = name;
  $("link-text").textContent = isLive() ? "" : word(name);
  onLink(name);
}

function close() {
  attempt++;
  events?.close();
  if (socket) socket.onclose = socket.onmessage = socket.onopen = null;
  socket?.close();
  events = socket = null;
}

function lost() {
  close();
  link(ended ? "ended" : "lost");
  if (waiting === null) waiting = setTimeout(() => { waiting = null; enter(); }, RETRY_MS);
}

async function enter() {
  if (document.hidden) return; // the page comes back when somebody looks
  const mine = ++attempt;
  const late = setTimeout(() => { if (mine === attempt) lost(); }, ANSWER_MS); // a network that swallows all
  try {
    await ask("/captures");
  } catch (refused) {
    if (mine !== attempt) return;
    if (refused.status !== 401) return lost();
    try { if (!await unlocked()) return knock(); } catch { return lost(); }
  } finally {
    clearTimeout(late);
  }
  if (mine !== attempt) return;
  listen();
  watch();
}

function listen() {
  events?.close();
  events = new EventSource(`/state?language=${language()}`);
  events.onerror = lost;
  for (const [name, listener] of Object.entries(heard))
    events.addEventListener(name, (event) => listener(JSON.parse(event.data), Number(event.lastEventId)));
  events.addEventListener("session", () => { ended = false; });
  events.addEventListener("frame", () => { lastFrame = Date.now(); if (!ended && !document.hidden) link("live"); });
  events.addEventListener("end", () => { ended = true; link("ended"); });
}

function watch() {
  socket = new WebSocket(location.origin.replace("http", "ws") + "/stream");
  asked = false;
  socket.onopen = next;
  socket.onmessage = (event) => {
    const url = URL.createObjectURL(event.data);
    $("picture").onload = $("picture").onerror = () => { URL.revokeObjectURL(url); asked = false; next(); };
    $("picture").src = url;
  };
  socket.onclose = lost;
}

function next() {
  if (asked || document.hidden || socket?.readyState !== WebSocket.OPEN) return;
  asked = true;
  socket.send($("map").checked ? "overlay" : "plain");
}

// --- the phone's sleep: what it showed when it fell asleep must never look like now
function rest() {
  close();
  $("picture").removeAttribute("src");
  if (!ended) link("connecting");
}

function wake() {
  clearTimeout(waiting);
  waiting = null;
  rest();
  enter();
  stayAwake();
}

// Browsers offer this on HTTPS and on the machine itself.
async function stayAwake() {
  try { if (!document.hidden) await navigator.wakeLock?.request("screen"); } catch { /* a battery nearly empty */ }
}

document.addEventListener("visibilitychange", () => (document.hidden ? rest() : wake()));
window.addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
window.addEventListener("online", wake);
setInterval(() => {
  const slept = Date.now() - tick > SLEPT_MS;
  tick = Date.now();
  if (slept && !document.hidden && !$("door").open) wake(); // some phones say nothing when they wake
  else if (isLive() && Date.now() - lastFrame > STALE_MS) link("stalled");
}, TICK_MS);

// --- the door. A link may bring the token behind a #, which no server and no log ever sees; nor does who looks at the
// screen.
function bring() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", "/");
  return token;
}

async function unlocked(given = brought) {
  if (!given) return false;
  brought = null;
  try { await ask("/login", { token: given }); } catch (refused) {
    if (refused.status === 401) return false;
    throw refused;
  }
  return true;
}

function knock() {
  close();
  link("connecting");
  for (const other of document.querySelectorAll("dialog[open]:not(#door)")) other.close();
  open($("door"));
  if (brought) unlock(brought); // a link that came while another token was tried
}

async function unlock(given) {
  $("door-said").textContent = "";
  try {
    if (await unlocked(given)) { $("door").close(); $("token").value = ""; enter(); return; }
    $("door-said").textContent = word("wrong");
  } catch { $("door-said").textContent = word("failed"); }
}

$("door").addEventListener("cancel", (event) => event.preventDefault());
$("login").addEventListener("submit", (event) => { event.preventDefault(); unlock($("token").value); });
window.addEventListener("hashchange", () => { // a link that was opened in this very tab
  brought = bring() ?? brought;
  if (brought && $("door").open) unlock(brought);
});
