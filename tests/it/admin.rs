//! The admin API of a server, as a client has it.

use std::time::Duration;

use cubetiler::{config::Config, http::Access};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;

use crate::fixture::{Local, Server};

pub(crate) const TOKEN: &str = "a secret";

/// The admin API of a server.
pub(crate) struct Admin {
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Admin {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            client: Client::new(),
        }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> (StatusCode, Value) {
        let answer = request.bearer_auth(TOKEN).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.url);
        self.send(self.client.post(url).json(&body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(self.client.get(format!("{}{path}", self.url)))
            .await
    }

    pub(crate) async fn backfill(&self, cube: &str, body: Value) -> (StatusCode, Value) {
        self.post(&format!("/admin/cubes/{cube}/backfill"), body)
            .await
    }

    pub(crate) async fn begin(&self, cube: &str, body: Value) -> String {
        let (status, job) = self.backfill(cube, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{job}");
        job["id"].as_str().unwrap().to_owned()
    }

    /// The events of a job, from its first that is known or behind another.
    pub(crate) async fn events(&self, job: &str, last: Option<u64>) -> Events {
        let url = format!("{}/admin/jobs/{job}/events", self.url);
        let mut request = self.client.get(url).bearer_auth(TOKEN);
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        Events {
            answer,
            text: String::new(),
        }
    }

    /// Waits until a job has ended.
    pub(crate) async fn ended(&self, job: &str) -> Value {
        let mut events = self.events(job, None).await;
        loop {
            let (_, told) = self.get(&format!("/admin/jobs/{job}")).await;
            if !told["ended"].is_null() {
                return told;
            }
            // It may have ended before it was followed.
            let next = tokio::time::timeout(Duration::from_millis(200), events.next());
            if let Ok(None) = next.await {
                panic!("the events of {job} ended before it did: {told}");
            }
        }
    }
}

/// An event, as it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

pub(crate) struct Events {
    answer: reqwest::Response,
    text: String,
}

impl Events {
    /// The next event; none where the server has gone.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let rest = self.text.split_off(end + 2);
                let text = std::mem::replace(&mut self.text, rest);
                let field = |name: &str| {
                    let line = text.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                // Else it is a comment, which only says that the server is there.
                if let Some(kind) = field("event:") {
                    return Some(Event {
                        id: field("id:").map(|id| id.parse().unwrap()),
                        kind,
                        data: serde_json::from_str(&field("data:").unwrap()).unwrap(),
                    });
                }
                continue;
            }
            let part = self.answer.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&part).unwrap());
        }
    }

    /// All events up to the end of the job.
    pub(crate) async fn until_the_end(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        while let Some(event) = self.next().await {
            let state = event.data["state"].as_str().unwrap_or_default();
            let is_end = event.kind == "job" && state != "running";
            all.push(event);
            if is_end {
                return all;
            }
        }
        panic!("the server has gone: {all:?}");
    }
}

pub(crate) async fn server(local: &Local, store: String) -> (Server, Admin) {
    configured(local, store, Config::default()).await
}

pub(crate) async fn configured(
    local: &Local,
    store: String,
    mut config: Config,
) -> (Server, Admin) {
    config.cubes.insert("formula".to_owned(), store.into());
    config.server.state_dir = local.path("state").into();
    config.build.group_millis = 50;
    let server = Server::of(&config, Access::Token(TOKEN.to_owned())).await;
    let admin = Admin::new(&server.url);
    (server, admin)
}
