//! The way that messages take between us and a far side.

mod connections;

use std::{net::SocketAddr, time::Instant};

use rsipstack::{
    sip::{
        HeadersExt as _, Param, Request, Scheme, StatusCode, Transport, Uri, prelude::ToTypedHeader as _, typed::Via,
        uri::Auth,
    },
    transaction::{
        Transaction,
        key::{TransactionKey, TransactionRole},
    },
    transport::{SipAddr, SipConnection, stream::StreamConnection as _},
};

use crate::{headers::Fault, names::Hop, start::Shared, trunk::Trunk};

pub(crate) use self::connections::{Connections, Door};

/// Who we say we are when nobody said who we are to be.
pub(crate) const OURSELVES: &str = "outdial";

/// The way that messages take between us and a far side.
#[derive(Clone)]
pub(crate) struct Flow {
    /// The far end of it.
    pub(crate) hop: Hop,
    /// Our end, as the far side sees it.
    pub(crate) reach: SocketAddr,
    /// Whether the far side is named by `sips:`.
    secure: bool,
    /// The connection and how to open it again, where it is one.
    connection: Option<(SipConnection, Door)>,
    /// Whether every request goes to the far end. One within a dialog goes where the dialog says.
    straight: bool,
}

impl Flow {
    /// Opens a way, or takes one that is open. When this fails, nothing has reached the far side.
    pub(crate) async fn open(shared: &Shared, hop: Hop, door: &Door) -> Result<Self, String> {
        let route = shared
            .routes
            .to(hop.address)
            .map_err(|error| format!("no route: {error}"))?;
        let (connection, port) = match hop.transport {
            Transport::Udp => (None, shared.local.port()),
            Transport::Tls => {
                let (connection, ours) = shared.connections.open(shared, hop, door).await?;
                let port = shared.tls_port.unwrap_or(ours);
                (Some((connection, door.clone())), port)
            }
            _ => {
                let (connection, _) = shared.connections.open(shared, hop, door).await?;
                (Some((connection, door.clone())), shared.local.port())
            }
        };
        Ok(Self {
            hop,
            reach: SocketAddr::new(shared.advertise.unwrap_or(route), port),
            secure: door.secure,
            connection,
            straight: true,
        })
    }

    /// The way back to whoever sent a request.
    pub(crate) fn of_request(shared: &Shared, transaction: &Transaction, trunk: &Trunk) -> Result<Self, Fault> {
        let connection = transaction
            .connection
            .clone()
            .ok_or_else(|| Fault("it came from nowhere".into()))?;
        let far = connection
            .get_remote_addr()
            .ok_or_else(|| Fault("it came from nowhere".into()))?;
        let address = far.get_socketaddr()?;
        let hop = Hop {
            transport: connection.transport(),
            address,
        };
        let route = shared.routes.to(address).map_err(|error| Fault(error.to_string()))?;
        let port = match hop.transport {
            Transport::Tls => shared.tls_port.unwrap_or(shared.local.port()),
            _ => shared.local.port(),
        };
        let is_stream = hop.transport != Transport::Udp;
        Ok(Self {
            hop,
            reach: SocketAddr::new(shared.advertise.unwrap_or(route), port),
            secure: transaction.original.uri.scheme == Some(Scheme::Sips),
            connection: is_stream.then(|| (connection, trunk.door.clone())),
            straight: false,
        })
    }

    /// The same way for requests within a dialog, which say themselves where they go.
    pub(crate) fn within_dialog(&self) -> Self {
        Self {
            straight: false,
            ..self.clone()
        }
    }

    /// Opens the connection again if it is gone.
    pub(crate) async fn refresh(&mut self, shared: &Shared) -> Result<(), Fault> {
        if let Some((connection, door)) = &mut self.connection
            && connections::is_gone(connection)
        {
            *connection = shared.connections.open(shared, self.hop, door).await.map_err(Fault)?.0;
        }
        Ok(())
    }

    /// Its connection, where it is one.
    pub(crate) fn connection(&self) -> Option<SipConnection> {
        self.connection.as_ref().map(|(connection, _)| connection.clone())
    }

    /// Sends what only address translators in between look at (RFC 5626, section 4.4.1).
    pub(crate) async fn ping(&self, shared: &Shared) -> Result<(), Fault> {
        const PING: &[u8] = b"\r\n\r\n";
        match &self.connection {
            None => {
                let far = SipAddr::new(Transport::Udp, self.hop.address.into());
                shared.udp.send_raw(PING, &far).await?;
            }
            Some((SipConnection::Tcp(connection), _)) => connection.send_raw(PING).await?,
            Some((SipConnection::Tls(connection), _)) => connection.send_raw(PING).await?,
            Some(_) => {}
        }
        Ok(())
    }

    /// The `Via` of a request that goes this way.
    pub(crate) fn via(&self, shared: &Shared) -> Result<Via, Fault> {
        let ours = SipAddr::new(self.hop.transport, self.reach.into());
        Ok(shared.endpoint.get_via(Some(ours), None)?)
    }

    /// Our address for whoever answers by this way.
    pub(crate) fn contact(&self, user: &str) -> Uri {
        Uri {
            scheme: Some(if self.secure { Scheme::Sips } else { Scheme::Sip }),
            auth: Some(Auth {
                user: user.to_owned(),
                password: None,
            }),
            host_with_port: self.reach.into(),
            params: self.transport_parameter().into_iter().collect(),
            headers: Vec::new(),
        }
    }

    fn transport_parameter(&self) -> Option<Param> {
        let word = match self.hop.transport {
            Transport::Tcp => "tcp",
            Transport::Tls if !self.secure => "tls",
            _ => return None,
        };
        Some(Param::Other("transport".into(), Some(word.into())))
    }

    /// A transaction of ours that goes this way.
    ///
    /// It is to be sent at once: for a short time the network may say that it cannot be delivered.
    pub(crate) fn transaction(&self, shared: &Shared, request: Request) -> Result<Transaction, Fault> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let endpoint = shared.endpoint.clone();
        let connection = self.connection();
        let mut transaction = Transaction::new_client(key, request, endpoint, connection);
        if self.straight {
            transaction.destination = Some(SipAddr::new(self.hop.transport, self.hop.address.into()));
            if self.hop.transport == Transport::Udp {
                self.watch(shared, &transaction)?;
            }
        }
        Ok(transaction)
    }

    fn watch(&self, shared: &Shared, transaction: &Transaction) -> Result<(), Fault> {
        let request = &transaction.original;
        let via = request.top_via_header()?.typed()?;
        if let Some(branch) = via.branch() {
            let response = shared
                .endpoint
                .make_response(request, StatusCode::ServiceUnavailable, None);
            let (teller, until) = (transaction.tu_sender.clone(), Instant::now() + shared.t1());
            shared
                .unreached
                .watch(branch.value(), teller, response, self.hop.address, until);
        }
        Ok(())
    }
}
