//! An event as it goes over the wire (WHATWG HTML, 9.2 server-sent events).

use bytes::Bytes;
use serde::Serialize;

/// Keeps the connection from looking idle to a load balancer; clients skip it.
pub const HEARTBEAT: Bytes = Bytes::from_static(b": still here\n\n");

/// Writes one event. JSON has no line breaks of its own, so one `data` line holds all of it.
pub fn frame(event: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_in_the_data_stays_inside_of_its_event() {
        let frame = frame("jobs", Some("7-x"), &"one\ntwo");
        assert_eq!(frame, "id: 7-x\nevent: jobs\ndata: \"one\\ntwo\"\n\n");
    }
}
