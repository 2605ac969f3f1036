//! Links to files: where a project is read again they have another number of the project in them, and another signature.

use crate::media::token;
use crate::sealed::SecretKey;
use model::media::PATH;
use model::{MediaId, ProjectId};
use uuid::Uuid;

const TOKEN: &str = "?token=";
/// Digits of a UUID with its dashes.
const ID: usize = 36;

/// How links are written anew.
pub(super) struct Links {
    pub(super) key: SecretKey,
    pub(super) project: ProjectId,
    /// The server's own base of absolute links; without it links keep theirs.
    pub(super) base: Option<String>,
}

impl Links {
    /// A text with its links to files written anew.
    pub(super) fn renew(&self, text: String) -> String {
        if !text.contains(PATH) {
            return text;
        }
        let mut renewed = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(PATH) {
            let link = after.split_at_checked(ID).and_then(|(id, behind)| {
                let id = Uuid::try_parse(id).ok()?;
                let old = behind.strip_prefix(TOKEN)?;
                let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                Some((MediaId(id), old.trim_start_matches(is_of_token)))
            });
            match link {
                Some((id, behind)) => {
                    renewed.push_str(&self.rebased(before));
                    let token = token(&self.key, self.project, id);
                    renewed.push_str(&format!("{PATH}{id}{TOKEN}{token}"));
                    rest = behind;
                }
                None => {
                    renewed.push_str(before);
                    renewed.push_str(PATH);
                    rest = after;
                }
            }
        }
        renewed.push_str(rest);
        renewed
    }

    /// What stands before a link's path, with this server's base at its end if it ends in one.
    fn rebased(&self, before: &str) -> String {
        let bases = ["https://", "http://"];
        let begin = bases.iter().filter_map(|scheme| before.rfind(scheme)).max();
        let ends_word = |c: char| c.is_whitespace() || "()<>[]\"'`".contains(c);
        match (begin, &self.base) {
            (Some(begin), Some(base)) if !before[begin..].contains(ends_word) => {
                format!("{}{base}", &before[..begin])
            }
            _ => before.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_get_this_projects_token_and_this_servers_base() {
        let key = SecretKey::from_text("a secret key for tests only").unwrap();
        let id = MediaId(Uuid::from_u128(7));
        let fresh = token(&key, ProjectId(2), id);
        let mut links = Links {
            key,
            project: ProjectId(2),
            base: None,
        };
        let link = |base: &str, token: &str| format!("{base}{PATH}{id}?token={token}");
        let text = |base: &str, token: &str| {
            let link = link(base, token);
            format!("See ![a]({link}), {link} and \"{link}\".")
        };
        let old = text("https://old.example", "1.abc-_9");
        let same_place = text("https://old.example", &fresh);
        assert_eq!(links.renew(old.clone()), same_place);
        links.base = Some("https://new.example/help".to_owned());
        assert_eq!(links.renew(old), text("https://new.example/help", &fresh));
        let alone = link("", "1.abc");
        assert_eq!(links.renew(alone), link("", &fresh));
        for other in [
            "no link".to_owned(),
            format!("{PATH}nope?token=1.a"),
            format!("https://old.example{PATH}{id} without a token"),
            format!("ä{PATH}ä"),
        ] {
            assert_eq!(links.renew(other.clone()), other);
        }
    }
}
