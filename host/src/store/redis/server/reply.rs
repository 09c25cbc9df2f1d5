//! Answers of a server as what they were asked for.

use redis::{FromRedisValue, RedisResult, Value};

use super::retry::WRONG_TYPE;
use crate::store::{Error, Result};

/// An answer as what it was asked for.
pub(in crate::store::redis) fn parse<T: FromRedisValue>(value: Value) -> Result<T> {
    redis::from_redis_value(value).map_err(|error| Error::Failed(format!("an answer that cannot be read: {error}")))
}

/// The answers to several reads, of which those to keys of another type are None.
pub(in crate::store::redis) fn right_typed<T: FromRedisValue>(
    answers: Vec<RedisResult<Value>>,
) -> Result<Vec<Option<T>>> {
    let right_typed = |answer: RedisResult<Value>| match answer {
        Ok(value) => parse(value).map(Some),
        Err(error) if error.code() == Some(WRONG_TYPE) => Ok(None),
        Err(error) => Err(Error::Failed(error.to_string())),
    };
    answers.into_iter().map(right_typed).collect()
}

/// A pipeline's answers, if its commands failed for their own keys only. What the server says of itself (it has lost its
/// primary, say) is no answer.
pub(super) fn of_pipeline(answers: Value) -> RedisResult<Value> {
    if let Value::Array(items) = &answers {
        for item in items {
            if let Value::ServerError(error) = item
                && error.code() != WRONG_TYPE
            {
                return Err(error.clone().into());
            }
        }
    }
    Ok(answers)
}
