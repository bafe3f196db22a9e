//! Events of the user data, alone and in frames of the WebSocket API.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_wire::user;
use ringfence_wire::ws_api::Incoming;

fuzz_target!(|raw: &[u8]| {
    let event = user::parse(raw);
    let frame = Incoming::parse(raw);
    if let Ok(Incoming::Event(inner)) = &frame {
        let _ = user::parse(inner.as_bytes());
    }
    // What is an event stays one in its envelope.
    if let (Ok(event), Ok(text)) = (event, std::str::from_utf8(raw)) {
        let wrapped = user::wrap(7, text.trim());
        let Ok(Incoming::Event(inner)) = Incoming::parse(wrapped.as_bytes()) else { panic!("lost: {wrapped}") };
        assert_eq!(user::parse(inner.as_bytes()).ok(), Some(event));
    }
});
