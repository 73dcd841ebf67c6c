//! Durations and moments as JSON has them: seconds, and seconds since 1970, with a fraction.

/// A duration.
pub(crate) mod duration {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_f64(duration.as_secs_f64())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A moment.
pub(crate) mod moment {
    use std::time::SystemTime;

    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(moment: &SystemTime, out: S) -> Result<S::Ok, S::Error> {
        super::optional_moment::serialize(&Some(*moment), out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let moment = super::optional_moment::deserialize(from)?;
        moment.ok_or_else(|| serde::de::Error::custom("a moment is missing"))
    }
}

/// A moment that there may not be.
pub(crate) mod optional_moment {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(moment: &Option<SystemTime>, out: S) -> Result<S::Ok, S::Error> {
        let seconds = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        moment.map(seconds).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        let Some(seconds) = Option::<f64>::deserialize(from)? else { return Ok(None) };
        let since = Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)?;
        let moment = UNIX_EPOCH.checked_add(since).ok_or_else(|| D::Error::custom("a moment that there is not"))?;
        Ok(Some(moment))
    }
}
