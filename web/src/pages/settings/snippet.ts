/** What a customer's page needs to show the widget. */
export function snippetOf(origin: string, token: string): string {
  return [
    `<script crossorigin="anonymous" src="${origin}/static/array.js"></scr` + "ipt>",
    "<script>",
    `  posthog.init('${token}', {`,
    `    api_host: '${origin}',`,
    "    autocapture: false,",
    "    capture_pageview: false,",
    "  })",
    "</scr" + "ipt>",
  ].join("\n");
}
