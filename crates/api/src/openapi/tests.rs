use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::to_value(openapi()).unwrap()
}

fn visit<'a>(value: &'a Value, found: &mut impl FnMut(&'a str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found(reference);
            }
            members.values().for_each(|member| visit(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut number = 0;
    visit(&document, &mut |reference| {
        let pointer = reference
            .strip_prefix('#')
            .expect("references stay in the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
        number += 1;
    });
    assert!(number > 0);
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let document = document();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("/api/environments/", "/api/projects/");
            let path = path.trim_end_matches('/').to_owned();
            assert!(
                documented.insert((method.to_uppercase(), path.clone())),
                "{method} {path} twice"
            );
        }
    }
    let mounted: BTreeSet<_> = routes()
        .mounted()
        .into_iter()
        .map(|(method, path, _)| (method.to_string(), path.to_string()))
        .collect();
    assert_eq!(documented, mounted);
}

#[test]
fn the_document_names_the_scopes_that_are_asked_for() {
    let document = document();
    let scopes: BTreeSet<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let path = path.replace("/api/environments/", "/api/projects/");
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| {
                    let scopes = operation["security"][0][SECURITY_SCHEME].clone();
                    (
                        method.to_uppercase(),
                        path.trim_end_matches('/').to_owned(),
                        scopes.to_string(),
                    )
                })
        })
        .collect();
    let asked: BTreeSet<_> = routes()
        .mounted()
        .into_iter()
        .map(|(method, path, access)| {
            let scopes = access.map(|access| {
                let scopes: Vec<_> = access.scope().iter().map(ToString::to_string).collect();
                serde_json::to_string(&scopes).unwrap()
            });
            let scopes = scopes.unwrap_or_else(|| "null".to_owned());
            (method.to_string(), path.to_string(), scopes)
        })
        .collect();
    assert_eq!(scopes, asked);
}

#[test]
fn operations_are_named_once_and_described() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name), "{name} twice");
            for member in ["summary", "tags", "responses"] {
                assert!(!operation[member].is_null(), "{method} {path}: {member}");
            }
            assert!(operation["responses"]["401"].is_object(), "{method} {path}");
        }
    }
}

#[test]
fn every_scope_of_the_document_exists() {
    for (_, _, access) in routes().mounted() {
        if let Some(scope) = access.and_then(|access| access.scope()) {
            assert!(model::scopes::OBJECTS.contains(&scope.object), "{scope}");
        }
    }
}

#[test]
fn the_document_is_as_reviewed() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&document()).unwrap());
}
