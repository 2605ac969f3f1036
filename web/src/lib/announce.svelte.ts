/** What is read aloud to those who do not see the page change. */

class Announcer {
  text = $state("");

  say(text: string) {
    // The same words twice are only read when they change in between.
    this.text = this.text === text ? `${text}\u00a0` : text;
  }
}

export const announcer = new Announcer();
export const announce = (text: string) => announcer.say(text);
