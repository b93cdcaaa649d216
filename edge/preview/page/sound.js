// Sounds by their names in hints.yaml: frequencies in Hz, one after the other; the side pans it.
import { $ } from "/dom.js";

export const SOUNDS = {
  falling: [440, 220], rising: [440, 880], wavering: [330, 370, 330], ping: [1320], side: [520, 390],
  steering: [390, 520], drifting: [300, 280], blinking: [520, 0, 520], searching: [260], steady: [660, 880],
  turning: [880, 660, 880], finished: [660, 880, 1100],
};
export const KEPT = [1600, 900], QUESTION = [700, 500, 700], COMPLETE = [660, 880, 1320];

let audio = null;

/** Play tones one after the other; clock is the place of a hint, 1 to 12. */
export function play(tones, clock = null, seconds = 0.12) {
  if (!$("sound").checked) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
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

export function shake(milliseconds) {
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.(milliseconds);
}

// A browser lets no page sound before somebody touches it, also where sound was switched on yesterday; and it silences
// the page while the phone sleeps.
document.addEventListener("pointerdown", () => audio?.resume());
