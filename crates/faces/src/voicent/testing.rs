//! A gateway on fakes.

use std::{net::IpAddr, path::PathBuf};

use axum::{Router, body::Body, http::Request};
use jiff::tz::{Offset, TimeZone};
use tempfile::TempDir;

use super::{VoicentConfig, router};
use crate::testing::{Answer, Ground, send};

/// A gateway with a directory of files.
pub(super) struct Rig {
    pub(super) ground: Ground,
    pub(super) config: VoicentConfig,
    pub(super) router: Router,
    files: TempDir,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::grounded(|_| {}).await
    }

    pub(super) async fn grounded(decide: impl FnOnce(&mut outdial_engine::Settings)) -> Self {
        let ground = Ground::new(decide).await;
        let files = tempfile::tempdir().unwrap();
        let config = VoicentConfig {
            tenant: ground.tenant(),
            audio: Some(files.path().to_owned()),
            allow: vec![IpAddr::from([192, 0, 2, 7]).into()],
            hosts: vec!["gateway".to_owned()],
            zone: TimeZone::fixed(Offset::constant(8)),
        };
        Self {
            router: router(ground.engine.clone(), config.clone()),
            ground,
            config,
            files,
        }
    }

    /// Where the files are.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Sends a form as the first client does.
    pub(super) async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header("host", "localhost:8155")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        send(&self.router, request.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        send(&self.router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Asks for a call, and gives its name.
    pub(super) async fn call(&self, form: &str) -> String {
        let answer = self.post("/ocall/callreqHandler.jsp", form).await;
        let token = answer
            .text
            .split_once("[ReqId=")
            .and_then(|(_, rest)| rest.split_once(']'));
        token.unwrap_or_else(|| panic!("{answer:?}")).0.to_owned()
    }

    pub(super) async fn status(&self, name: &str) -> String {
        self.post("/ocall/callstatusHandler.jsp", &format!("reqid={name}"))
            .await
            .text
    }
}
