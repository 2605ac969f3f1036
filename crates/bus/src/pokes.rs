//! Wake-ups for those who follow a project's event log.

use crate::redis::{Link, Topic};
use model::ProjectId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Tells followers that a project's event log has grown. A hint: a follower that misses one finds the events when it
/// looks the next time. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pokes {
    followed: Arc<Mutex<HashMap<ProjectId, watch::Sender<u64>>>>,
    link: Option<Arc<Link>>,
}

impl Pokes {
    /// Reaches the followers in other processes too.
    pub(crate) fn linked(link: Arc<Link>) -> Self {
        Self {
            link: Some(link),
            ..Self::default()
        }
    }

    /// Wakes a project's followers. To be called after the commit.
    pub fn poke(&self, project: ProjectId) {
        self.wake(project);
        if let Some(link) = &self.link {
            link.say(Topic::Project(project));
        }
    }

    /// Wakes those in this process.
    pub(crate) fn wake(&self, project: ProjectId) {
        if let Some(sender) = self.lock().get(&project) {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }

    /// A receiver that notices every poke from now on. Take it before reading the log, so that nothing is missed.
    pub fn subscribe(&self, project: ProjectId) -> watch::Receiver<u64> {
        let receiver = {
            let mut followed = self.lock();
            followed.retain(|_, sender| sender.receiver_count() > 0);
            followed
                .entry(project)
                .or_insert_with(|| watch::Sender::new(0))
                .subscribe()
        };
        if let Some(link) = &self.link {
            link.want(Topic::Project(project));
        }
        receiver
    }

    /// Whether anybody in this process follows a project.
    pub(crate) fn is_followed(&self, project: ProjectId) -> bool {
        let followed = self.lock();
        followed
            .get(&project)
            .is_some_and(|sender| sender.receiver_count() > 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, watch::Sender<u64>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poke_reaches_every_follower_of_its_project_and_nobody_else() {
        let pokes = Pokes::default();
        let (one, two) = (ProjectId(1), ProjectId(2));
        let (first, second) = (pokes.subscribe(one), pokes.subscribe(one));
        let other = pokes.subscribe(two);
        pokes.poke(one);
        assert!(first.has_changed().unwrap() && second.has_changed().unwrap());
        assert!(!other.has_changed().unwrap());
        assert!(!pokes.subscribe(one).has_changed().unwrap());
    }

    #[test]
    fn projects_without_followers_are_forgotten() {
        let pokes = Pokes::default();
        drop(pokes.subscribe(ProjectId(1)));
        pokes.poke(ProjectId(1));
        let _receiver = pokes.subscribe(ProjectId(2));
        assert_eq!(pokes.lock().len(), 1);
    }
}
