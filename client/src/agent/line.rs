//! Lines of the socket: requests in, replies out, one JSON object each.

use std::io::{self, BufRead, Read};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroize;

use crate::app::{Answer, Code, Intent, Problem};

/// Longest line in bytes, its newline not counted.
pub const LONGEST_LINE: usize = 1024 * 1024;

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Request {
    /// The asker's number for it.
    pub id: u64,
    /// What.
    #[serde(flatten)]
    pub intent: Intent,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reply {
    /// The number of the request; 0 where the line told none.
    pub id: u64,
    /// What it is.
    #[serde(flatten)]
    pub said: Said,
}

/// What a reply holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It was done.
    Ok(Answer),
    /// It was not.
    Error(Problem),
    /// One more thing of a request that goes on.
    Event(Answer),
}

impl Request {
    /// Reads a line. Zeroizes it: it may hold a passphrase.
    ///
    /// # Errors
    /// The reply that says what is wrong with it, with its id where that can be read.
    pub fn read(line: &mut [u8]) -> Result<Self, Box<Reply>> {
        let parsed = serde_json::from_slice::<Value>(line);
        line.zeroize();
        let refused = |id, message: String| {
            Box::new(Reply {
                id,
                said: Said::Error(Problem::new(
                    Code::BadInput,
                    message,
                    "send one JSON object a line: {\"id\": 1, \"do\": \"status\"}",
                )),
            })
        };
        let mut object = match parsed {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(refused(0, "the line is no JSON object".to_owned())),
            Err(error) => return Err(refused(0, format!("the line is not JSON: {error}"))),
        };
        let Some(id) = object.remove("id").as_ref().and_then(Value::as_u64) else {
            return Err(refused(
                0,
                "the line has no `id` that is a whole number".to_owned(),
            ));
        };
        serde_json::from_value(Value::Object(object))
            .map(|intent| Self { id, intent })
            .map_err(|error| refused(id, format!("the agent does not know this: {error}")))
    }

    /// The line, newline included. Whoever sends it zeroizes it afterwards.
    pub(super) fn to_line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

impl Reply {
    /// The line, newline included.
    pub(super) fn to_line(&self) -> Vec<u8> {
        // Answers have string keys only, so that they always encode.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The next reply; none at the end. Replies are the agent's own, so their length is bounded by what it
    /// answers; the bound here only guards against something else at the socket.
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        const MOST: u64 = 64 * 1024 * 1024;
        let mut line = Vec::new();
        if from.by_ref().take(MOST).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}
