//! `GET, POST, PATCH /api/projects/:id/persons/`: a project's customers (spec "Around the contract", tickets.md 2.4).

use crate::openapi::CommonErrors;
use crate::page::page_schema;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use model::fields::{Fields, Text};
use model::pagination::Bounds;
use model::persons::{DISTINCT_ID_MAX, PROPERTIES_MAX, Person, folded, is_within_limit};
use model::{Code, FieldError, PersonId};
use serde_json::{Map, Value};
use std::collections::HashSet;
use store::persons::{self, Filter, NewPerson, Updated};
use utoipa::ToSchema;
use uuid::Uuid;

const PAGE: Bounds = Bounds::THOUSAND;
const READ: Access = Access::read("person");
const WRITE: Access = Access::write("person");
/// The most ids that a person can be made with.
const MOST_IDS: usize = 100;
/// A longer search is ignored, as everywhere (tickets.md 3).
const SEARCH_MAX: usize = 200;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(READ, list)
        .add::<__path_create, _, _>(WRITE, create)
        .add::<__path_retrieve, _, _>(READ, retrieve)
        .add::<__path_partial_update, _, _>(WRITE, partial_update)
}

/// A customer.
#[derive(ToSchema)]
#[schema(as = Person)]
#[expect(dead_code, reason = "describes model::persons::Person")]
struct PersonView {
    id: Uuid,
    /// The address, else the name, else an id.
    name: String,
    /// The ids under which the person appears, oldest first.
    distinct_ids: Vec<String>,
    /// What is known about the person.
    #[schema(value_type = Object)]
    properties: Value,
    #[schema(format = DateTime)]
    created_at: String,
    /// Somebody said who the person is.
    is_identified: bool,
}

/// A person to be made.
#[derive(ToSchema)]
#[schema(as = PersonCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PersonFields {
    /// The ids under which the person appears; at most 400 characters each.
    #[schema(min_items = 1, max_items = 100)]
    distinct_ids: Vec<String>,
    /// At most 64 KiB.
    #[schema(value_type = Object, required = false)]
    properties: Value,
    /// Somebody said who the person is.
    #[schema(required = false, default = true)]
    is_identified: bool,
}

/// What is to be changed of a person.
#[derive(ToSchema)]
#[schema(as = PatchedPerson)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct PatchedFields {
    /// Named properties are written, and removed by null; the others stay.
    #[schema(value_type = Object, required = false)]
    properties: Value,
}

page_schema! {
    /// A page of persons.
    PersonList of PersonView as PaginatedPersonList
}

/// List persons
///
/// Newest first.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/persons/",
    operation_id = "persons_list",
    tag = "persons",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("distinct_id" = Option<String>, Query, description = "Only who appears under exactly this id."),
        ("search" = Option<String>, Query,
            description = "Only those whose address, name or id has this part, in any case; ignored when longer than 200 characters."),
        ("limit" = Option<i64>, Query, description = "Length of the page, default 100, at most 1000."),
        ("offset" = Option<i64>, Query, description = "Persons to pass over, default 0."),
    ),
    responses((status = 200, description = "A page of persons.", body = PersonList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["person:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let page = call.page(PAGE);
    let parameter = |name: &str| call.query.text(name).filter(|text| !text.is_empty());
    let is_short = |text: &String| text.chars().count() <= SEARCH_MAX;
    let search = parameter("search").map(|text| text.trim().to_owned());
    let filter = Filter {
        distinct_id: parameter("distinct_id"),
        search: search
            .filter(is_short)
            .map(|text| folded(&text))
            .filter(|text| !text.is_empty()),
    };
    let (found, count) = call
        .app
        .store
        .read(move |c| Box::pin(async move { persons::list(c, project, &filter, page).await }))
        .await
        .map_err(ApiError::from)?;
    Ok(Json(call.paginated(page, found, count)).into_response())
}

/// Make a person
///
/// An id that belongs to somebody already is refused: change that person instead.
#[utoipa::path(
    post,
    path = "/api/projects/{project_id}/persons/",
    operation_id = "persons_create",
    tag = "persons",
    params(("project_id" = String, Path, description = "Id of the project, or `@current`.")),
    request_body = PersonFields,
    responses((status = 201, description = "The person.", body = PersonView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["person:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let fields = Fields::of(call.json().await?)?;
    let mut distinct_ids = fields
        .list("distinct_ids", Text::new().max(DISTINCT_ID_MAX))
        .max(MOST_IDS)
        .not_empty()
        .required()?;
    let properties = fields.object("properties").or(Map::new())?;
    let is_identified = fields.boolean("is_identified").or(true)?;
    if !is_within_limit(&properties) {
        return Err(too_large());
    }
    let mut seen = HashSet::new();
    distinct_ids.retain(|id| seen.insert(id.clone()));
    let new = NewPerson {
        distinct_ids,
        properties,
        is_identified,
    };
    let env = call.app.env.clone();
    let made: Option<Person> = call
        .app
        .store
        .write(move |c| Box::pin(async move { persons::create(c, &env, project, &new).await }))
        .await
        .map_err(ApiError::from)?;
    let person = made.ok_or_else(|| {
        let detail = "One of these ids belongs to a person already.";
        ApiError::from(FieldError::at("distinct_ids", Code::Unique, detail))
    })?;
    Ok((StatusCode::CREATED, Json(person)).into_response())
}

/// A person
///
/// The id of somebody who was merged into another person leads to that person.
#[utoipa::path(
    get,
    path = "/api/projects/{project_id}/persons/{person_id}/",
    operation_id = "persons_retrieve",
    tag = "persons",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("person_id" = String, Path, description = "UUID of the person."),
    ),
    responses((status = 200, description = "The person.", body = PersonView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["person:read"]))
)]
async fn retrieve(call: Call) -> Result<Response, ApiError> {
    Ok(Json(find(&call).await?).into_response())
}

/// Change a person
///
/// Only the properties that are named change.
#[utoipa::path(
    patch,
    path = "/api/projects/{project_id}/persons/{person_id}/",
    operation_id = "persons_partial_update",
    tag = "persons",
    params(
        ("project_id" = String, Path, description = "Id of the project, or `@current`."),
        ("person_id" = String, Path, description = "UUID of the person."),
    ),
    request_body = PatchedFields,
    responses((status = 200, description = "The person as they are now.", body = PersonView), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["person:write"]))
)]
async fn partial_update(mut call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    // A person who does not exist is told before a body that does not fit (conventions.md 2.4).
    let id = find(&call).await?.id;
    let fields = Fields::of(call.json().await?)?;
    let change = fields.object("properties").or(Map::new())?;
    let updated = call
        .app
        .store
        .write(move |c| Box::pin(async move { persons::update(c, project, id, &change).await }))
        .await
        .map_err(ApiError::from)?;
    match updated {
        Updated::Person(person) => Ok(Json(person).into_response()),
        Updated::Missing => Err(ApiError::not_found()),
        Updated::TooLarge => Err(too_large()),
    }
}

/// The person that the path names; what is no UUID names nobody.
async fn find(call: &Call) -> Result<Person, ApiError> {
    let project = call.project_id()?;
    let id = call.params.uuid("person_id").map(PersonId);
    let id = id.ok_or_else(ApiError::not_found)?;
    call.app
        .store
        .read(move |c| Box::pin(persons::find(c, project, id)))
        .await
        .map_err(ApiError::from)?
        .ok_or_else(ApiError::not_found)
}

fn too_large() -> ApiError {
    let detail = format!("Ensure the properties have no more than {PROPERTIES_MAX} bytes as JSON.");
    FieldError::at("properties", Code::MaxLength, detail).into()
}
