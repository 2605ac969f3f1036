/** Who takes tickets at the moment: in the account menu, and among the members. */
import * as api from "~/api/availability";
import type { Availability } from "~/api/availability";

class Availabilities {
  list: Availability[] = $state.raw([]);
  #project = 0;

  async load(project: number): Promise<void> {
    this.#project = project;
    try {
      const list = await api.list(project);
      if (this.#project === project) this.list = list;
    } catch {
      // Everybody counts as available then, as the server has it before anything is said.
    }
  }

  isAvailable(user: number | undefined): boolean {
    return this.list.find((one) => one.user.id === user)?.is_available ?? true;
  }

  of(user: number): Availability | undefined {
    return this.list.find((one) => one.user.id === user);
  }

  /** It shows at once, and is taken back if the server refuses it. */
  async set(user: number, isAvailable: boolean): Promise<void> {
    const before = this.list;
    this.list = before.map((one) =>
      one.user.id === user ? { ...one, is_available: isAvailable } : one,
    );
    try {
      await api.update(this.#project, user, isAvailable);
    } catch (error) {
      this.list = before;
      throw error;
    }
    await this.load(this.#project);
  }
}

export const availability = new Availabilities();
