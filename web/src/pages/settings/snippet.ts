/** Where the server has the browser SDK, if somebody has put it there. */
export const SDK_PATH = "/static/array.js";

/** What a customer's page needs to show the widget. */
export function snippetOf(origin: string, token: string): string {
  return [
    `<script crossorigin="anonymous" src="${origin}${SDK_PATH}"></scr` + "ipt>",
    "<script>",
    `  posthog.init('${token}', {`,
    `    api_host: '${origin}',`,
    "    autocapture: false,",
    "    capture_pageview: false,",
    "  })",
    "</scr" + "ipt>",
  ].join("\n");
}
