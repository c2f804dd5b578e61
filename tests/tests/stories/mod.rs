//! Stories: what people do, over a real relay and real QUIC.

mod talk;
