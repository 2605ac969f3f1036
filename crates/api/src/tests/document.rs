//! The OpenAPI document and its viewer.

use super::support::{Server, request};

#[tokio::test]
async fn the_document_is_yaml_or_json_and_open_to_everybody() {
    let server = Server::start().await;
    let yaml = server.send(request("GET", "/api/schema/")).await;
    assert_eq!(yaml.status, 200);
    assert!(
        yaml.text.contains("\nopenapi: \"3.1.0\"\n"),
        "{}",
        yaml.text
    );
    let expected = serde_json::to_value(crate::openapi()).unwrap();
    for json in [
        request("GET", "/api/schema/?format=json"),
        request("GET", "/api/schema").header("accept", "application/json"),
    ] {
        let answer = server.send(json).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.json(), expected);
    }
}

#[tokio::test]
async fn the_viewer_asks_nobody_else() {
    let server = Server::start().await;
    let redirect = server.send(request("GET", "/api/docs")).await;
    assert_eq!(redirect.headers["location"], "/api/docs/");
    for elsewhere in [
        "/api",
        "/api/",
        "/api/schema/swagger-ui/",
        "/api/schema/redoc/",
    ] {
        let redirect = server.send(request("GET", elsewhere)).await;
        assert_eq!(redirect.headers["location"], "/api/docs/", "{elsewhere}");
        let other = server.send(request("POST", elsewhere)).await;
        assert_eq!(other.status, 404, "{elsewhere}");
    }
    let page = server.send(request("GET", "/api/docs/")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    // What the page is made of comes from here, and the policy lets all of it run.
    assert!(
        !page.text.contains("http://") && !page.text.contains("https://"),
        "{}",
        page.text
    );
    let mut parts = 0;
    for (attribute, tag) in [("src=\"", "script"), ("href=\"", "link")] {
        for element in page.text.split(&format!("<{tag}")).skip(1) {
            let element = element.split('>').next().unwrap();
            let address = element
                .split(attribute)
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            let address = address.unwrap_or_else(|| panic!("inline {tag}: {element}"));
            let path = format!("/api/docs/{}", address.trim_start_matches("./"));
            let part = server.send(request("GET", &path)).await;
            assert_eq!(part.status, 200, "{path}");
            parts += 1;
        }
    }
    assert!(parts >= 4, "{parts}");
    let start = server.send(request("GET", "/api/docs/start.js")).await;
    assert!(
        start.text.contains("/api/schema/?format=json"),
        "{}",
        start.text
    );
    assert!(
        start.text.contains("validatorUrl: \"none\""),
        "{}",
        start.text
    );
    let missing = server.send(request("GET", "/api/docs/nope.js")).await;
    assert_eq!(missing.status, 404);
}
