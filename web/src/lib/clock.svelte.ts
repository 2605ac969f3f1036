/** The present, for what shows how long something is ago. One timer for the whole page; it stops while nobody looks. */

const STEP_MS = 15_000;

class Clock {
  now = $state(Date.now());

  constructor() {
    const tick = () => {
      if (document.visibilityState === "visible") this.now = Date.now();
    };
    setInterval(tick, STEP_MS);
    document.addEventListener("visibilitychange", tick);
  }
}

export const clock = new Clock();
