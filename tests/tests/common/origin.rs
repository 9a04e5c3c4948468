//! An HTTP server of which every byte of every response is chosen by a test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request, as its lines came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many requests came before it.
    pub number: usize,
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server does with a request.
pub enum Reply {
    /// Writes these bytes and reads the next request.
    Keep(Vec<u8>),
    /// Writes these bytes and closes.
    Close(Vec<u8>),
    /// Writes these bytes and so many zeros, and closes.
    Zeros(Vec<u8>, u64),
    /// Writes these bytes and then nothing, until the client closes.
    Stall(Vec<u8>),
}

pub struct Origin {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Origin {
    /// At a port of its own on the loopback address.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", answer)
    }

    pub fn at(address: &str, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, log) = (Arc::new(answer), asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, log) = (answer.clone(), log.clone());
                std::thread::spawn(move || serve(&stream.unwrap(), &*answer, &log));
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Asked) -> Reply, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(mut asked) = read(&mut reader) {
        {
            let mut log = log.lock().unwrap();
            asked.number = log.len();
            log.push(asked.clone());
        }
        match answer(&asked) {
            // Who is refused for its length goes away before all is written.
            Reply::Keep(bytes) => {
                if writer.write_all(&bytes).is_err() {
                    return;
                }
            }
            Reply::Close(bytes) => {
                let _ = writer.write_all(&bytes);
                return;
            }
            Reply::Zeros(bytes, zeros) => {
                let _ = writer.write_all(&bytes);
                let _ = std::io::copy(&mut std::io::repeat(0).take(zeros), &mut writer);
                return;
            }
            Reply::Stall(bytes) => {
                let _ = writer.write_all(&bytes);
                let _ = reader.read_to_end(&mut Vec::new());
                return;
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut words = lines.first()?.split(' ').map(str::to_owned);
    let headers = lines[1..].iter().map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Some(Asked {
        number: 0,
        method: words.next()?,
        target: words.next()?,
        headers: headers.collect(),
    })
}
