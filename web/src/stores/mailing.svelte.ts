/** Whether this server sends mails at all. */
import * as projects from "~/api/projects";

class Mailing {
  /** Unless it is known that there is no mail server, nothing is said of it. */
  isConfigured = $state(true);

  /** Any project tells it: it is the same for all. */
  async load(projectId: number): Promise<void> {
    try {
      this.isConfigured = (await projects.find(projectId)).is_mail_configured;
    } catch {
      // What it is asked for says what is wrong.
    }
  }
}

export const mailing = new Mailing();
