//! `SchemaRegistry`: subjects, versions, and the schema settings of topics.

use danube_core::proto::danube_schema::{
    CheckCompatibilityRequest, CheckCompatibilityResponse, ConfigureTopicSchemaRequest, ConfigureTopicSchemaResponse,
    DeleteSchemaVersionRequest, DeleteSchemaVersionResponse, GetLatestSchemaRequest, GetSchemaRequest,
    GetSchemaResponse, GetTopicSchemaConfigRequest, GetTopicSchemaConfigResponse, ListSubjectsRequest,
    ListSubjectsResponse, ListVersionsRequest, ListVersionsResponse, RegisterSchemaRequest, RegisterSchemaResponse,
    SchemaVersionInfo, SetCompatibilityModeRequest, SetCompatibilityModeResponse, SubjectSummary,
    UpdateTopicValidationPolicyRequest, UpdateTopicValidationPolicyResponse, schema_registry_server::SchemaRegistry,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    faults::Call,
    schema::{Compatibility, Definition, Draft, Invalid, Subject, ValidationPolicy, Version},
    topic::Topic,
};

#[tonic::async_trait]
impl SchemaRegistry for Rpc {
    async fn register_schema(
        &self,
        request: Request<RegisterSchemaRequest>,
    ) -> Result<Response<RegisterSchemaResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let RegisterSchemaRequest { subject, schema_type, schema_definition, description, created_by, tags } =
            request.into_inner();
        let failed = |why: String| Status::internal(format!("Failed to register schema: {why}"));
        let definition = Definition::parse(&schema_type, &schema_definition).map_err(|why| failed(why.to_string()))?;
        let draft = Draft { definition, description, created_by, tags };
        let registered = self.registry(|registry| registry.register(&subject, draft)).map_err(failed)?;
        Ok(Response::new(RegisterSchemaResponse {
            schema_id: registered.id,
            version: registered.version,
            is_new_version: registered.is_new,
            fingerprint: registered.fingerprint,
        }))
    }

    async fn get_schema(&self, request: Request<GetSchemaRequest>) -> Result<Response<GetSchemaResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let GetSchemaRequest { schema_id, version } = request.into_inner();
        let found = self.registry(|registry| {
            registry.lookups += 1;
            let (name, subject) = registry.by_id(schema_id)?;
            let version = version.map_or_else(|| subject.latest(), |number| subject.version(number))?;
            Some(answer(name, subject, version))
        });
        let absent = || Status::not_found(format!("Schema not found for ID: {schema_id}"));
        found.map(Response::new).ok_or_else(absent)
    }

    async fn get_latest_schema(
        &self,
        request: Request<GetLatestSchemaRequest>,
    ) -> Result<Response<GetSchemaResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let name = request.into_inner().subject;
        let found = self.registry(|registry| {
            let subject = registry.subject(&name).ok()?;
            Some(answer(&name, subject, subject.latest()?))
        });
        let absent = || Status::not_found(format!("Schema not found for subject: {name}"));
        found.map(Response::new).ok_or_else(absent)
    }

    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let name = request.into_inner().subject;
        let subject = self.registry(|registry| registry.subject(&name).ok().cloned());
        let subject = subject.ok_or_else(|| Status::not_found(format!("Subject not found: {name}")))?;
        let kept = subject.versions.iter().filter(|version| !version.deleted);
        let versions = kept.map(|version| version_info(subject.id, version)).collect();
        Ok(Response::new(ListVersionsResponse { versions }))
    }

    async fn check_compatibility(
        &self,
        request: Request<CheckCompatibilityRequest>,
    ) -> Result<Response<CheckCompatibilityResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let CheckCompatibilityRequest { subject, new_schema_definition, schema_type, compatibility_mode } =
            request.into_inner();
        let failed = |why: String| Status::internal(format!("Failed to check compatibility: {why}"));
        let parsed = Definition::parse(&schema_type, &new_schema_definition);
        let definition = parsed.map_err(|why: Invalid| failed(why.to_string()))?;
        let mode = compatibility_mode.as_deref().and_then(Compatibility::parse);
        let checked = self.registry(|registry| registry.check(&subject, &definition, mode)).map_err(failed)?;
        Ok(Response::new(CheckCompatibilityResponse {
            is_compatible: checked.is_ok(),
            errors: checked.err().into_iter().map(str::to_owned).collect(),
        }))
    }

    async fn delete_schema_version(
        &self,
        request: Request<DeleteSchemaVersionRequest>,
    ) -> Result<Response<DeleteSchemaVersionResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let DeleteSchemaVersionRequest { subject, version } = request.into_inner();
        self.registry(|registry| registry.delete(&subject, version));
        let message = format!("Deleted version {version} for subject {subject}");
        Ok(Response::new(DeleteSchemaVersionResponse { success: true, message }))
    }

    async fn set_compatibility_mode(
        &self,
        request: Request<SetCompatibilityModeRequest>,
    ) -> Result<Response<SetCompatibilityModeResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let SetCompatibilityModeRequest { subject, compatibility_mode } = request.into_inner();
        let Some(mode) = Compatibility::parse(&compatibility_mode) else {
            return Err(Status::invalid_argument(format!("Invalid compatibility mode: {compatibility_mode}")));
        };
        self.registry(|registry| registry.set_compatibility(&subject, mode))
            .map_err(|why| Status::internal(format!("Failed to set compatibility mode: {why}")))?;
        let message = format!("Set compatibility mode to {compatibility_mode} for subject {subject}");
        Ok(Response::new(SetCompatibilityModeResponse { success: true, message }))
    }

    async fn configure_topic_schema(
        &self,
        request: Request<ConfigureTopicSchemaRequest>,
    ) -> Result<Response<ConfigureTopicSchemaResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let ConfigureTopicSchemaRequest { topic_name, schema_subject, validation_policy, enable_payload_validation } =
            request.into_inner();
        let policy = validation_policy_of(&validation_policy)?;
        self.registry(|registry| registry.subject(&schema_subject).map(|_| ())).map_err(|why| {
            Status::not_found(format!("Schema subject '{schema_subject}' not found in registry: {why}"))
        })?;
        self.existing(&topic_name)?.schema(|schema| {
            schema.subject = Some(schema_subject.clone());
            schema.policy = policy;
            schema.check_payload = enable_payload_validation;
            schema.configured = true;
        });
        let validation = on_or_off(enable_payload_validation);
        let message = format!(
            "Topic '{topic_name}' configured with schema '{schema_subject}', validation policy '{policy:?}', \
             payload validation {validation}"
        );
        Ok(Response::new(ConfigureTopicSchemaResponse { success: true, message }))
    }

    async fn update_topic_validation_policy(
        &self,
        request: Request<UpdateTopicValidationPolicyRequest>,
    ) -> Result<Response<UpdateTopicValidationPolicyResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let UpdateTopicValidationPolicyRequest { topic_name, validation_policy, enable_payload_validation } =
            request.into_inner();
        let policy = validation_policy_of(&validation_policy)?;
        let has_subject = self.existing(&topic_name)?.schema(|schema| {
            schema.policy = policy;
            schema.check_payload = enable_payload_validation;
            schema.configured = schema.subject.is_some();
            schema.configured
        });
        if !has_subject {
            return Err(Status::failed_precondition(format!(
                "Topic '{topic_name}' has no schema subject configured. Use ConfigureTopicSchema first."
            )));
        }
        let validation = on_or_off(enable_payload_validation);
        let message = format!("Validation policy updated to '{policy:?}', payload validation {validation}");
        Ok(Response::new(UpdateTopicValidationPolicyResponse { success: true, message }))
    }

    /// The id is always 0: the released broker looks for it under a name that it does not store it under.
    async fn get_topic_schema_config(
        &self,
        request: Request<GetTopicSchemaConfigRequest>,
    ) -> Result<Response<GetTopicSchemaConfigResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let topic = self.existing(&request.into_inner().topic_name)?;
        Ok(Response::new(topic.schema(|schema| GetTopicSchemaConfigResponse {
            schema_subject: schema.subject.clone().unwrap_or_default(),
            validation_policy: format!("{:?}", schema.policy).to_lowercase(),
            enable_payload_validation: schema.check_payload,
            schema_id: 0,
        })))
    }

    async fn list_subjects(&self, _: Request<ListSubjectsRequest>) -> Result<Response<ListSubjectsResponse>, Status> {
        self.faults.check(Call::Registry)?;
        let summary = |(name, subject): (&String, &Subject)| {
            let latest = subject.latest();
            SubjectSummary {
                subject: name.clone(),
                schema_type: latest.map_or("bytes", |version| version.definition.type_name()).to_owned(),
                latest_version: latest.map_or(0, |version| version.number),
                compatibility_mode: subject.compatibility.to_string(),
                schema_id: subject.id,
                tags: latest.map(|version| version.tags.clone()).unwrap_or_default(),
            }
        };
        let subjects = self.registry(|registry| registry.subjects().map(summary).collect());
        Ok(Response::new(ListSubjectsResponse { subjects }))
    }
}

impl Rpc {
    fn existing(&self, topic: &str) -> Result<Arc<Topic>, Status> {
        let absent = || Status::not_found(format!("Topic '{topic}' not found on this broker"));
        self.catalog.get(topic).ok_or_else(absent)
    }
}

fn answer(name: &str, subject: &Subject, version: &Version) -> GetSchemaResponse {
    GetSchemaResponse {
        schema_id: subject.id,
        version: version.number,
        subject: name.to_owned(),
        schema_type: version.definition.type_name().to_owned(),
        schema_definition: version.definition.as_answered(),
        description: version.description.clone(),
        created_at: version.created_at,
        created_by: version.created_by.clone(),
        tags: version.tags.clone(),
        fingerprint: version.fingerprint.clone(),
        compatibility_mode: subject.compatibility.to_string(),
    }
}

fn version_info(schema_id: u64, version: &Version) -> SchemaVersionInfo {
    SchemaVersionInfo {
        version: version.number,
        created_at: version.created_at,
        created_by: version.created_by.clone(),
        description: version.description.clone(),
        fingerprint: version.fingerprint.clone(),
        schema_id,
    }
}

fn validation_policy_of(text: &str) -> Result<ValidationPolicy, Status> {
    ValidationPolicy::parse(text).ok_or_else(|| {
        Status::invalid_argument(format!("Invalid validation policy: '{text}'. Must be 'none', 'warn', or 'enforce'"))
    })
}

fn on_or_off(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}
