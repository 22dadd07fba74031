//! All topics by name, and the rules for names: what is well formed, what may be created beside what exists, and which
//! topics a name stands for.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use danube_core::proto::DispatchStrategy;
use tonic::Status;

use crate::{
    schema::TopicSchema,
    topic::{Rules, Topic},
};

/// The topics of a broker.
#[derive(Debug)]
pub(crate) struct Catalog {
    /// `None`: every namespace exists.
    namespaces: Option<Vec<String>>,
    rules: Rules,
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    topics: BTreeMap<String, Arc<Topic>>,
    /// Where deleted topics go on, should they be created again.
    heads: HashMap<String, u64>,
}

impl Catalog {
    pub(crate) fn new(namespaces: Option<Vec<String>>, rules: Rules) -> Self {
        Self { namespaces, rules, names: RwLock::default() }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().topics.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().topics.values().cloned().collect()
    }

    /// The topics whose names begin with `prefix`, in order of their names.
    fn beginning_with(&self, prefix: &str) -> Vec<Arc<Topic>> {
        let names = self.read();
        let from_prefix = names.topics.range(prefix.to_owned()..);
        from_prefix.take_while(|(name, _)| name.starts_with(prefix)).map(|(_, topic)| Arc::clone(topic)).collect()
    }

    /// The topics of a namespace, and of every other one whose name begins in the same way.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Arc<Topic>> {
        self.beginning_with(&format!("/{namespace}"))
    }

    /// What a client subscribes to when it subscribes to `name`: the topic of that name, else every topic whose name
    /// begins with it. Those are its partitions, but also any other topic that happens to begin like this.
    pub(crate) fn partitions(&self, name: &str) -> Vec<String> {
        if self.read().topics.contains_key(name) {
            return vec![name.to_owned()];
        }
        self.beginning_with(name).iter().map(|topic| topic.name.clone()).collect()
    }

    /// Creates a topic.
    pub(crate) fn create(
        &self,
        name: &str,
        strategy: DispatchStrategy,
        subject: Option<String>,
    ) -> Result<Arc<Topic>, Status> {
        check_format(name)?;
        self.check_namespace(name)?;
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.check_beside(name)?;
        let base = names.heads.remove(name).unwrap_or_default();
        let schema = TopicSchema::declared(subject);
        let topic = Arc::new(Topic::new(name.to_owned(), strategy, base, schema, self.rules.clone()));
        names.topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Deletes a topic; one that does not exist is deleted with success, and so is the base of partitions, which stay.
    pub(crate) fn delete(&self, name: &str) {
        let mut names = self.write();
        if let Some(topic) = names.topics.remove(name) {
            names.heads.insert(name.to_owned(), topic.close());
        }
    }

    fn check_namespace(&self, name: &str) -> Result<(), Status> {
        let namespace = name.split('/').nth(1).unwrap_or_default();
        match &self.namespaces {
            Some(known) if !known.iter().any(|known| known == namespace) => Err(Status::unavailable(format!(
                "Unable to find the namespace {namespace}, the topic can be created only for an exisiting namespace"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Names> {
        self.names.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    /// A topic may not exist twice, nor both with and without partitions. What begins with the new name counts as a
    /// partition of it, so that `/default/orders` cannot be created once `/default/orders-dlq` exists.
    fn check_beside(&self, name: &str) -> Result<(), Status> {
        if self.topics.contains_key(name) {
            return Err(Status::already_exists(format!("Topic '{name}' already exists")));
        }
        if let Some((base, _)) = name.rsplit_once("-part-") {
            if self.topics.contains_key(base) {
                return Err(Status::already_exists(format!(
                    "Cannot create partitioned topic '{name}': a non-partitioned topic '{base}' already exists. \
                     Delete the non-partitioned topic first."
                )));
            }
            return Ok(());
        }
        match self.topics.range(name.to_owned()..).take_while(|(other, _)| other.starts_with(name)).count() {
            0 => Ok(()),
            count => Err(Status::already_exists(format!(
                "Cannot create topic '{name}': partitioned topics with this base name already exist (found {count} \
                 partitions). Delete the partitioned topics first."
            ))),
        }
    }
}

/// A name is `/namespace/topic`, of letters, digits, `_` and `-`.
pub(crate) fn check_format(name: &str) -> Result<(), Status> {
    let proper = |part: &str| part.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if name.split('/').count() == 3 && name.split('/').all(proper) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "The topic: {name} has an invalid format, should be: /namespace_name/topic_name"
    )))
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::config::DevBrokerConfig;

    fn catalog(namespaces: Option<&[&str]>) -> Catalog {
        let namespaces = namespaces.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        Catalog::new(namespaces, Rules::from(&DevBrokerConfig::default()))
    }

    fn create(catalog: &Catalog, name: &str) -> Result<(), Code> {
        let created = catalog.create(name, DispatchStrategy::Reliable, None);
        created.map(|_| ()).map_err(|status| status.code())
    }

    #[test]
    fn names_are_a_namespace_and_a_topic() {
        for (name, well_formed) in [
            ("/default/orders", true),
            ("/d/o_1-part-0", true),
            ("orders", false),
            ("/a/b/c", false),
            ("/a/b c", false),
        ] {
            assert_eq!(check_format(name).is_ok(), well_formed, "{name}");
        }
    }

    #[test]
    fn every_namespace_exists_unless_they_are_listed() {
        assert_eq!(create(&catalog(None), "/any/topic"), Ok(()));
        let listed = catalog(Some(&["default"]));
        assert_eq!(create(&listed, "/default/topic"), Ok(()));
        assert_eq!(create(&listed, "/other/topic"), Err(Code::Unavailable));
    }

    #[test]
    fn a_topic_whose_name_another_one_begins_with_cannot_be_created() {
        let catalog = catalog(None);
        create(&catalog, "/default/orders-dlq").unwrap();
        assert_eq!(create(&catalog, "/default/orders"), Err(Code::AlreadyExists));
        assert_eq!(create(&catalog, "/default/orders-part-0"), Ok(()));
        assert_eq!(create(&catalog, "/default/orders-dlq-part-0"), Err(Code::AlreadyExists));
    }

    #[test]
    fn a_name_without_a_topic_stands_for_all_that_begin_with_it() {
        let catalog = catalog(None);
        for name in ["/default/pay-part-0", "/default/pay-part-1", "/default/pay-dlq", "/default/other"] {
            create(&catalog, name).unwrap();
        }
        let all = ["/default/pay-dlq", "/default/pay-part-0", "/default/pay-part-1"];
        assert_eq!(catalog.partitions("/default/pay"), all);
        assert_eq!(catalog.partitions("/default/pay-dlq"), ["/default/pay-dlq"]);
        assert_eq!(catalog.partitions("/default/none"), [""; 0]);
    }

    #[test]
    fn a_topic_that_is_created_again_goes_on_with_its_offsets() {
        let catalog = catalog(None);
        let topic = catalog.create("/default/t", DispatchStrategy::Reliable, None).unwrap();
        let producer_id = topic.producer("p", 1);
        let msg_id = Some(danube_core::proto::MsgId { producer_id, ..Default::default() });
        let record = crate::record::Record { msg_id, ..Default::default() };
        assert!(topic.publish(record, &crate::observer::Observer::default(), tokio::time::Instant::now()).is_ok());
        catalog.delete("/default/t");
        assert!(catalog.get("/default/t").is_none());
        let again = catalog.create("/default/t", DispatchStrategy::Reliable, None).unwrap();
        assert_eq!(again.close(), 1);
    }
}
