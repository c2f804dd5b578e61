//! The programs as people, scripts and bots meet them: real processes, real sockets.

mod bot;
mod keep;
mod mistakes;
mod secrets;
