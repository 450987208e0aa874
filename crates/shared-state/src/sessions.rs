//! The sessions of users who are signed in to GitLab. They exist only in Redis.
use redis::pipe;

use crate::redis::Store;
use crate::{Counters, RedisError, StoreName};

impl Counters {
    /// Ends all sessions of a user.
    pub async fn sign_out(&self, user_id: i64) -> Result<(), RedisError> {
        match self.store(StoreName::Sessions) {
            Some(store) => store.sign_out(user_id).await,
            None => Ok(()),
        }
    }
}

impl Store {
    async fn sign_out(&self, user_id: i64) -> Result<(), RedisError> {
        let lookup = format!("session:lookup:user:gitlab:{user_id}");
        let (sessions,): (Vec<String>,) = self.ask_safely(pipe().smembers(&lookup)).await?;
        if sessions.is_empty() {
            return Ok(());
        }
        let mut pipeline = pipe();
        for id in &sessions {
            pipeline
                .del(format!("session:user:gitlab::v2:{user_id}:{id}"))
                .ignore()
                .del(format!("session:user:gitlab:{user_id}:{id}"))
                .ignore()
                .del(format!("session:gitlab:{id}"))
                .ignore()
                .srem(&lookup, id)
                .ignore();
        }
        self.ask_safely(&pipeline).await
    }
}
