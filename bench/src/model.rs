//! The model: the stub of the tests in a process of its own, told by each question what to answer.

use crate::child::{LISTENING, Server};
use std::process::Command;
use std::time::Duration;
use stubmodel::{Received, Script, StubModel};

/// What the model is to answer, written as a user's message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    /// One short sentence, at once.
    Hello,
    /// So many equal chunks of so many bytes of text, as fast as they are taken.
    Chunks(usize, usize),
    /// So many tokens of [`prose`], with a pause before each if there is one.
    Prose(usize, Duration),
    /// A few words, and then silence without an end.
    Silence,
}

impl Ask {
    /// The message.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Hello => "bench hello".to_owned(),
            Self::Chunks(count, size) => format!("bench chunks {count} {size}"),
            Self::Prose(tokens, pause) => format!("bench prose {tokens} {}", pause.as_micros()),
            Self::Silence => "bench silence".to_owned(),
        }
    }

    fn of(message: &str) -> Self {
        let words: Vec<&str> = message.split(' ').skip(1).collect();
        let number = |index: usize| {
            words
                .get(index)
                .and_then(|word| word.parse().ok())
                .unwrap_or(0)
        };
        match words.first().copied() {
            Some("chunks") => Self::Chunks(number(1), number(2)),
            Some("prose") => {
                let micros = u64::try_from(number(2)).unwrap_or(0);
                Self::Prose(number(1), Duration::from_micros(micros))
            }
            Some("silence") => Self::Silence,
            _ => Self::Hello,
        }
    }

    fn answer(self) -> Script {
        match self {
            Self::Hello => Script::text(["Hello, how can I help you?"]),
            Self::Chunks(count, size) => Script::flood(count, size),
            Self::Prose(tokens, Duration::ZERO) => Script::text(prose(tokens)),
            Self::Prose(tokens, pause) => Script::text(prose(tokens)).every(pause),
            Self::Silence => Script::text(["One moment"]).no_finish().then_hang(),
        }
    }
}

/// Something like the tokens of a long answer in Markdown: words, punctuation, line ends, a few quotes.
pub(crate) fn prose(tokens: usize) -> Vec<&'static str> {
    const WORDS: [&str; 23] = [
        "The",
        " export",
        " runs",
        " in",
        " the",
        " background",
        ",",
        " and",
        " you",
        " get",
        " an",
        " e",
        "-mail",
        " with",
        " a",
        " \"",
        "download",
        "\"",
        " link",
        " when",
        " it",
        " has",
        " finished",
    ];
    let token = |index: usize| match index % 120 {
        119 => "\n\n",
        59 => ".",
        _ => WORDS.get(index % WORDS.len()).copied().unwrap_or(" "),
    };
    (0..tokens).map(token).collect()
}

/// Starts the model's process.
pub(crate) fn start() -> anyhow::Result<Server> {
    Server::start(Command::new(std::env::current_exe()?).arg("model"))
}

/// Is the model until the process is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let model = StubModel::start().await;
    model.respond(|request: &Received| {
        if request.streaming {
            Ask::of(&request.last_user_text()).answer()
        } else {
            Script::text(["A title"])
        }
    });
    println!("{LISTENING}{}", model.address());
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood() {
        let pause = Duration::from_millis(20);
        for ask in [
            Ask::Hello,
            Ask::Silence,
            Ask::Chunks(3, 4),
            Ask::Prose(5, pause),
        ] {
            assert_eq!(Ask::of(&ask.message()), ask);
        }
    }
}
