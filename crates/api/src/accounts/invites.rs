//! `GET, POST /api/organizations/:id/invites/`, `DELETE …/:id/`: inviting people. Who accepts: `accept.rs`.

use crate::openapi::{CommonErrors, ErrorEnvelope};
use crate::page::page_schema;
use crate::projects::log::organization_author;
use crate::{Access, ApiError, Call, Routes};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::fields::Fields;
use model::members::LevelKind;
use model::outbox::invite_mail;
use model::pagination::Bounds;
use model::secrets::digest;
use model::{
    Code, FieldError, InviteId, MailId, MemberLevel, Timestamp, UserId, members, rates, secrets,
};
use serde::Serialize;
use store::invites::{self, Invite};
use store::users::normal_email;
use store::{organizations, outbox, projects, users};
use utoipa::ToSchema;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .add::<__path_list, _, _>(Access::read("organization").admin(), list)
        .add::<__path_create, _, _>(Access::write("organization").admin(), create)
        .add::<__path_destroy, _, _>(Access::write("organization").admin(), destroy)
}

const PAGE: Bounds = Bounds::THOUSAND;
/// The most invitations of an organisation that wait to be accepted.
const INVITES_MAX: i64 = 1000;

/// An invitation that waits to be accepted.
#[derive(Serialize, ToSchema)]
#[schema(as = Invite)]
struct InviteView {
    #[schema(value_type = Uuid)]
    id: InviteId,
    #[schema(format = "email")]
    email: String,
    /// 1 for a member, 8 for an admin.
    level: i64,
    /// Id of who has invited.
    #[schema(value_type = i64)]
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Where the invitation is accepted. Only in the answer to who has invited: it is kept nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

impl InviteView {
    fn of(invite: Invite, link: Option<String>) -> Self {
        Self {
            id: invite.id,
            email: invite.email,
            level: invite.level.number(),
            created_by: invite.created_by,
            created_at: invite.created_at,
            expires_at: invite.expires_at,
            link,
        }
    }
}

/// Somebody to be invited.
#[derive(ToSchema)]
#[schema(as = InviteCreate)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct NewInvite {
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// 1 for a member, 8 for an admin; 1 if left out.
    level: Option<i64>,
}

page_schema! {
    /// A page of invitations.
    InviteList of InviteView as PaginatedInviteList
}

/// List invitations
///
/// Those that wait to be accepted, by address. For admins of the organisation.
#[utoipa::path(
    get,
    path = "/api/organizations/{organization_id}/invites/",
    operation_id = "invites_list",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("limit" = Option<i64>, Query, description = "At most so many, and at most 1000; 100 if left out."),
        ("offset" = Option<i64>, Query, description = "After skipping so many."),
    ),
    responses((status = 200, description = "A page of invitations.", body = InviteList), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:read"]))
)]
async fn list(call: Call) -> Result<Response, ApiError> {
    let (organization, now) = (call.organization()?.0.id, call.app.env.now());
    let page = call.page(PAGE);
    let (found, count) = call
        .app
        .store
        .read(move |c| Box::pin(async move { invites::list(c, organization, now, page).await }))
        .await?;
    let views = found.into_iter().map(|it| InviteView::of(it, None));
    let views: Vec<_> = views.collect();
    Ok(Json(call.paginated(page, views, count)).into_response())
}

/// Invite somebody
///
/// The answer holds the link, once; it is also mailed, by way of the outbox of the organisation's first project. It is
/// good for seven days and one person. A second invitation of the same address takes the place of the first. For
/// admins of the organisation.
#[utoipa::path(
    post,
    path = "/api/organizations/{organization_id}/invites/",
    operation_id = "invites_create",
    params(("organization_id" = String, Path, description = "UUID of the organisation, or `@current`.")),
    request_body = NewInvite,
    responses(
        (status = 201, description = "The invitation.", body = InviteView),
        (status = 409, description = "Too many invitations wait.", body = ErrorEnvelope),
        CommonErrors,
    ),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn create(mut call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.clone();
    let subject = call.user_id().to_string();
    call.app
        .throttle_stranger(&rates::INVITES, &subject)
        .await?;
    let fields = Fields::of(call.json().await?)?;
    let email = normal_email(&fields.email("email").required()?);
    let level = fields.read("level", LevelKind).or(MemberLevel::Member)?;
    let (env, author) = (call.app.env.clone(), organization_author(&call)?);
    let token = secrets::invite_token(&env);
    let now = env.now();
    let invite = Invite {
        organization_id: organization.id,
        id: InviteId(env.uuid()),
        email,
        level,
        created_by: call.user_id(),
        created_at: now,
        expires_at: now.plus(members::INVITE_LIVES),
    };
    let link = format!("{}/invite/{token}", call.base_url);
    let mail = invite_mail(
        MailId(env.uuid()),
        &invite.email,
        &organization.name,
        &call.caller.user.first_name,
        &link,
        invite.expires_at,
    );
    let invite = call
        .app
        .store
        .write(move |c| {
            Box::pin(async move {
                if let Some(user) = users::find_by_email(c, &invite.email).await?
                    && organizations::find_level(c, organization.id, user.id)
                        .await?
                        .is_some()
                {
                    let detail = "This person is a member already.";
                    return Err(FieldError::at("email", Code::Unique, detail).into());
                }
                if invites::count(c, organization.id, now).await? >= INVITES_MAX {
                    return Err(ApiError::conflict(
                        "Too many invitations wait to be accepted.",
                    ));
                }
                invites::create(c, &invite, &digest(&token)).await?;
                author.did_to(c, "invited", &invite.email).await?;
                if let Some(project) = projects::first_of_organization(c, organization.id).await? {
                    outbox::append(c, project, &mail, now).await?;
                }
                Ok(invite)
            })
        })
        .await?;
    let view = InviteView::of(invite, Some(link));
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(view)).into_response())
}

/// Take an invitation back
///
/// Its link is worthless from then on. The activity log of each project says so. For admins of the organisation.
#[utoipa::path(
    delete,
    path = "/api/organizations/{organization_id}/invites/{invite_id}/",
    operation_id = "invites_destroy",
    params(
        ("organization_id" = String, Path, description = "UUID of the organisation, or `@current`."),
        ("invite_id" = Uuid, Path, description = "The invitation."),
    ),
    responses((status = 204, description = "Taken back."), CommonErrors),
    security(("PersonalAPIKeyAuth" = ["organization:write"]))
)]
async fn destroy(call: Call) -> Result<Response, ApiError> {
    let organization = call.organization()?.0.id;
    let id = call.params.uuid("invite_id").map(InviteId);
    let id = id.ok_or_else(ApiError::not_found)?;
    let author = organization_author(&call)?;
    call.app
        .store
        .write(move |c| {
            Box::pin(async move {
                let invite = invites::delete(c, organization, id).await?;
                let invite = invite.ok_or_else(ApiError::not_found)?;
                author
                    .did_to(c, "invitation_withdrawn", &invite.email)
                    .await?;
                Ok::<_, ApiError>(())
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
