//! Transactions of Redis.
//!
//! `MULTI` and `EXEC` are sent as plain commands. The client library has transactions of its own, but panics if
//! the server refuses their `MULTI`.
use redis::{ErrorKind, Pipeline, RedisResult, Value, pipe};

use crate::RedisError;

/// A pipeline with the commands in a transaction. Its replies are those for [`replies`].
pub(crate) fn pipeline(commands: &Pipeline) -> Pipeline {
    let mut pipeline = pipe();
    // An error is then one of the replies.
    pipeline.ignore_errors().cmd("MULTI");
    for command in commands.cmd_iter() {
        pipeline.add_command(command.clone());
    }
    pipeline.cmd("EXEC");
    pipeline
}

/// Returns the reply to each command of an executed transaction.
pub(crate) fn replies(mut values: Vec<RedisResult<Value>>) -> Result<Vec<RedisResult<Value>>, RedisError> {
    let exec = values.pop();
    if let Some(Ok(Value::Array(replies))) = exec {
        return Ok(replies.into_iter().map(Value::extract_error).collect());
    }
    // Without `MULTI`, the server executes each command by itself.
    let is_in_part = values.first().is_some_and(Result::is_err) && values.iter().any(Result::is_ok);
    let error = values.into_iter().chain(exec).find_map(Result::err).unwrap_or_else(|| {
        (ErrorKind::UnexpectedReturnType, "the reply to EXEC is not that of a transaction").into()
    });
    Err(if is_in_part { RedisError::of_unknown_fate(error) } else { RedisError::sent(error) })
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    /// The outcome of a transaction with one command, for which a server sends these replies.
    fn outcome(text: &str) -> Result<Vec<RedisResult<Value>>, RedisError> {
        let values = text.split_inclusive(' ').map(|line| {
            let line = line.trim_end().replace('_', " ").replace('|', "\r\n");
            match parse_redis_value(format!("{line}\r\n").as_bytes()).unwrap() {
                error @ Value::ServerError(_) => error.extract_error(),
                reply => Ok(reply),
            }
        });
        replies(values.collect())
    }

    #[test]
    fn each_command_of_an_executed_transaction_has_a_reply() {
        let replies = outcome("+OK +QUEUED *1|:5").unwrap();
        assert!(matches!(replies[..], [Ok(Value::Int(5))]), "{replies:?}");
        let failed = outcome("+OK +QUEUED *1|-WRONGTYPE_x").unwrap();
        assert_eq!(failed[0].as_ref().unwrap_err().code(), Some("WRONGTYPE"));
    }

    #[test]
    fn a_refused_command_means_that_nothing_was_executed() {
        let error = outcome("+OK -READONLY_x -EXECABORT_x").unwrap_err();
        assert!(error.is_not_primary() && !error.is_fate_unknown(), "{error:?}");
        let error =
            outcome("+OK +QUEUED -EXECABORT_Transaction_discarded_because_of:_READONLY_x").unwrap_err();
        assert!(error.is_not_primary() && !error.is_fate_unknown(), "{error:?}");
        let error = outcome("+OK -NOPERM_x -EXECABORT_x").unwrap_err();
        assert!(!error.is_not_primary() && !error.is_fate_unknown(), "{error:?}");
        let error = outcome("+OK +QUEUED *-1").unwrap_err();
        assert!(!error.is_not_primary() && !error.is_fate_unknown(), "{error:?}");
    }

    #[test]
    fn without_multi_the_commands_may_have_been_executed() {
        assert!(outcome("-NOPERM_x :5 -ERR_EXEC_without_MULTI").unwrap_err().is_fate_unknown());
        assert!(!outcome("-NOPERM_x -NOPERM_x -ERR_EXEC_without_MULTI").unwrap_err().is_fate_unknown());
    }
}
