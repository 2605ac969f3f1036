//! What is told to everybody who follows a project at this moment, and kept nowhere.

use crate::redis::{Link, Topic};
use model::{ProjectId, UserId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// So many signals a follower may be behind; of more it misses the oldest.
const BEHIND_MAX: usize = 256;

/// Something of the moment, such as that somebody types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Whose doing it is. They need not be told.
    pub from: UserId,
    /// What it is, such as `ticket_presence`.
    pub event: String,
    /// JSON on one line.
    pub data: String,
}

type Followed = HashMap<ProjectId, broadcast::Sender<Arc<Signal>>>;

/// Passes signals to those who follow a project, in this process and, over Redis, in all others. A hint: a signal
/// that is lost is lost, so whoever sends one repeats it while it is true. Cheap to clone.
#[derive(Clone, Default)]
pub struct Signals {
    followed: Arc<Mutex<Followed>>,
    link: Option<Arc<Link>>,
}

impl Signals {
    /// Reaches the followers in other processes too.
    pub(crate) fn linked(link: Arc<Link>) -> Self {
        Self {
            link: Some(link),
            ..Self::default()
        }
    }

    /// Tells a project's followers.
    pub fn send(&self, project: ProjectId, signal: Signal) {
        match &self.link {
            // It comes back to this process by its own subscription, so that nobody gets it twice.
            Some(link) if link.is_there() => link.say_signal(project, &signal),
            _ => self.receive(project, signal),
        }
    }

    /// Tells those in this process.
    pub(crate) fn receive(&self, project: ProjectId, signal: Signal) {
        if let Some(sender) = self.lock().get(&project) {
            // An error says that the last follower has just gone.
            let _ = sender.send(Arc::new(signal));
        }
    }

    /// A receiver of every signal from now on.
    pub fn subscribe(&self, project: ProjectId) -> broadcast::Receiver<Arc<Signal>> {
        let receiver = {
            let mut followed = self.lock();
            followed.retain(|_, sender| sender.receiver_count() > 0);
            followed
                .entry(project)
                .or_insert_with(|| broadcast::Sender::new(BEHIND_MAX))
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

    fn lock(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::TryRecvError;

    fn signal(number: usize) -> Signal {
        Signal {
            from: UserId(1),
            event: "ticket_presence".to_owned(),
            data: number.to_string(),
        }
    }

    #[test]
    fn a_signal_reaches_every_follower_of_its_project_and_nobody_else() {
        let signals = Signals::default();
        let (one, two) = (ProjectId(1), ProjectId(2));
        let (mut first, mut second) = (signals.subscribe(one), signals.subscribe(one));
        let mut other = signals.subscribe(two);
        signals.send(one, signal(1));
        assert_eq!(*first.try_recv().unwrap(), signal(1));
        assert_eq!(*second.try_recv().unwrap(), signal(1));
        assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(signals.subscribe(one).try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn who_is_far_behind_misses_the_oldest_and_nobody_waits() {
        let signals = Signals::default();
        let mut slow = signals.subscribe(ProjectId(1));
        (0..BEHIND_MAX + 3).for_each(|number| signals.send(ProjectId(1), signal(number)));
        assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(3)));
        assert_eq!(*slow.try_recv().unwrap(), signal(3));
    }

    #[test]
    fn projects_without_followers_are_forgotten() {
        let signals = Signals::default();
        drop(signals.subscribe(ProjectId(1)));
        signals.send(ProjectId(1), signal(1));
        let _receiver = signals.subscribe(ProjectId(2));
        assert_eq!(signals.lock().len(), 1);
    }
}
