/** The addresses of our pages, so that nobody puts one together by hand. */

const project = (id: number | string) => `/project/${id}`;

export const paths = {
  home: () => "/",
  signin: (next?: string) =>
    next && next !== "/" ? `/signin?next=${encodeURIComponent(next)}` : "/signin",
  setup: () => "/setup",
  /** A view of the inbox, and the ticket that is open in it. */
  inbox: (projectId: number | string, view = "open", ticketNumber?: number | string) =>
    `${project(projectId)}/inbox/${encodeURIComponent(view)}${ticketNumber === undefined ? "" : `/${ticketNumber}`}`,
  chat: (projectId: number | string, conversation?: string) =>
    `${project(projectId)}/chat${conversation ? `/${conversation}` : ""}`,
  overview: (projectId: number | string) => `${project(projectId)}/overview`,
  settings: (projectId: number | string, section?: string) =>
    `${project(projectId)}/settings${section ? `/${section}` : ""}`,
};
