//! A mail server for tests: it takes mails over real connections, and refuses them as the test says.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use stubmodel::Gate;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What becomes of one mail.
#[derive(Clone)]
pub enum MailAnswer {
    /// It is taken.
    Take,
    /// Its receiver is answered with this line, such as `550 5.1.1 Nobody here`.
    Refuse(&'static str),
    /// It is taken whole and answered with this line.
    RefuseText(&'static str),
    /// It is taken whole, and the answer waits for the gate.
    Hold(Gate),
}

/// What a mail server wants.
#[derive(Clone, Default)]
pub struct SmtpOptions {
    /// Takes mails only from who gives this name and password.
    pub login: Option<(&'static str, &'static str)>,
    /// Offers STARTTLS.
    pub starttls: bool,
    /// Speaks TLS from the first byte.
    pub implicit_tls: bool,
}

/// A mail that has come whole.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// Of `MAIL FROM`.
    pub from: String,
    /// Of `RCPT TO`.
    pub to: String,
    /// Headers and body as they came, without the dots of the protocol.
    pub data: String,
    /// It came over TLS.
    pub is_encrypted: bool,
    /// Who had signed in.
    pub user: Option<String>,
}

impl ReceivedMail {
    /// The body, as a mail program shows it: what quoted-printable hides is put back.
    pub fn text(&self) -> String {
        let (head, body) = self.data.split_once("\r\n\r\n").unwrap();
        if !head.contains("quoted-printable") {
            return body.to_owned();
        }
        let body = body.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = body.as_str();
        while let Some((plain, coded)) = rest.split_once('=') {
            bytes.extend_from_slice(plain.as_bytes());
            let (hex, after) = coded.split_at(2);
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = after;
        }
        bytes.extend_from_slice(rest.as_bytes());
        String::from_utf8(bytes).unwrap()
    }
}

/// A mail server. It ends with the test.
pub struct SmtpServer {
    address: SocketAddr,
    certificate: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    options: SmtpOptions,
    tls: TlsAcceptor,
    script: Mutex<VecDeque<MailAnswer>>,
    received: Mutex<Vec<ReceivedMail>>,
    changed: Notify,
}

impl SmtpServer {
    /// One that wants nothing and takes everything.
    pub async fn start() -> Self {
        Self::start_with(SmtpOptions::default()).await
    }

    /// One that wants something.
    pub async fn start_with(options: SmtpOptions) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), options).await
    }

    /// One at this address.
    pub async fn start_on(address: SocketAddr, options: SmtpOptions) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let state = Arc::new(State {
            options,
            tls: TlsAcceptor::from(Arc::new(config)),
            script: Mutex::default(),
            received: Mutex::default(),
            changed: Notify::new(),
        });
        let address = listener.local_addr().unwrap();
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self {
            address,
            certificate: made.cert.pem(),
            state,
            task,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate for `localhost`, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// What becomes of the next mails; those after them are taken.
    pub fn script(&self, answers: impl IntoIterator<Item = MailAnswer>) {
        lock(&self.state.script).extend(answers);
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<ReceivedMail> {
        lock(&self.state.received).clone()
    }

    /// Waits until so many mails have come.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        let come = async {
            loop {
                let changed = self.state.changed.notified();
                let received = self.received();
                if received.len() >= count {
                    return received;
                }
                changed.await;
            }
        };
        let come = tokio::time::timeout(crate::PATIENCE, come).await;
        come.expect("the mails did not come")
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One connection. Whatever breaks it off ends it.
async fn serve(stream: TcpStream, state: Arc<State>) {
    let stream: Box<dyn Stream> = if state.options.implicit_tls {
        match state.tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        }
    } else {
        Box::new(stream)
    };
    let mut session = Session {
        is_encrypted: state.options.implicit_tls,
        stream: BufReader::new(stream),
        state,
        user: None,
    };
    let _ = session.run().await;
}

struct Session {
    stream: BufReader<Box<dyn Stream>>,
    state: Arc<State>,
    is_encrypted: bool,
    user: Option<String>,
}

impl Session {
    async fn run(&mut self) -> std::io::Result<()> {
        let (mut from, mut to) = (String::new(), String::new());
        let mut answer = MailAnswer::Take;
        self.say("220 stub ready").await?;
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.greet().await?,
                "STARTTLS" => {
                    self.say("220 go ahead").await?;
                    self.encrypt().await?;
                }
                "AUTH" => self.sign_in(rest).await?,
                "MAIL" if self.state.options.login.is_some() && self.user.is_none() => {
                    self.say("530 5.7.0 Authentication required").await?;
                }
                "MAIL" => {
                    from = address(rest);
                    self.say("250 ok").await?;
                }
                "RCPT" => {
                    to = address(rest);
                    answer = lock(&self.state.script)
                        .pop_front()
                        .unwrap_or(MailAnswer::Take);
                    match answer {
                        MailAnswer::Refuse(line) => self.say(line).await?,
                        _ => self.say("250 ok").await?,
                    }
                }
                "DATA" => {
                    self.say("354 go ahead").await?;
                    self.take(&from, &to).await?;
                    match &answer {
                        MailAnswer::RefuseText(line) => self.say(line).await?,
                        MailAnswer::Hold(gate) => {
                            gate.pass().await;
                            self.say("250 taken").await?;
                        }
                        _ => self.say("250 taken").await?,
                    }
                }
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("250 ok").await?,
            }
        }
        Ok(())
    }

    async fn greet(&mut self) -> std::io::Result<()> {
        if self.state.options.starttls && !self.is_encrypted {
            self.say("250-STARTTLS").await?;
        }
        if self.state.options.login.is_some() {
            self.say("250-AUTH PLAIN").await?;
        }
        self.say("250 8BITMIME").await
    }

    async fn encrypt(&mut self) -> std::io::Result<()> {
        let (nobody, _) = tokio::io::duplex(1);
        let plain = std::mem::replace(&mut self.stream, BufReader::new(Box::new(nobody)));
        let encrypted = self.state.tls.accept(plain.into_inner()).await?;
        self.stream = BufReader::new(Box::new(encrypted));
        self.is_encrypted = true;
        Ok(())
    }

    async fn sign_in(&mut self, rest: &str) -> std::io::Result<()> {
        let coded = rest.trim_start_matches("PLAIN").trim();
        let given = BASE64_STANDARD.decode(coded).unwrap_or_default();
        let given = String::from_utf8(given).unwrap_or_default();
        let mut parts = given.split('\0').skip(1);
        let given = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if self.state.options.login == Some(given) {
            self.user = Some(given.0.to_owned());
            self.say("235 2.7.0 welcome").await
        } else {
            self.say("535 5.7.8 Wrong name or password").await
        }
    }

    async fn take(&mut self, from: &str, to: &str) -> std::io::Result<()> {
        let mut data = String::new();
        while let Some(line) = self.line().await? {
            if line == "." {
                let mail = ReceivedMail {
                    from: from.to_owned(),
                    to: to.to_owned(),
                    data,
                    is_encrypted: self.is_encrypted,
                    user: self.user.clone(),
                };
                lock(&self.state.received).push(mail);
                self.state.changed.notify_waiters();
                return Ok(());
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }

    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        let line = format!("{line}\r\n");
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.flush().await
    }
}

/// What stands between the brackets.
fn address(rest: &str) -> String {
    let (_, rest) = rest.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
