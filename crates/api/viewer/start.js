// Shows the document of this server. The default validator is on the Internet, so there is none.
SwaggerUIBundle({
  url: "/api/schema/?format=json",
  dom_id: "#swagger-ui",
  layout: "StandaloneLayout",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  validatorUrl: "none",
  tryItOutEnabled: true,
  persistAuthorization: false,
  deepLinking: true,
});
