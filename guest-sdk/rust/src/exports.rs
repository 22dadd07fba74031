//! The functions that the host calls, for whatever sink is registered.

use std::{cell::RefCell, thread::LocalKey};

use crate::{
    Context, Error, Result, Sink,
    bindings::{
        danube::sink::records::{Batch, ConsumerConfig, RecordFailure, SinkError},
        exports::danube::sink::{lifecycle, sink},
    },
    instance::{self, Instance},
    log,
};

/// Where a component keeps its sink: empty until the host has initialised it.
pub struct Slot<S>(RefCell<Option<Instance<S>>>);

impl<S> Slot<S> {
    /// An empty slot.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }
}

/// A component that holds one sink. [`register!`](crate::register) writes the implementation.
pub trait Component {
    /// The sink.
    type Sink: Sink;

    /// Where it lives.
    fn slot() -> &'static LocalKey<Slot<Self::Sink>>;
}

#[cfg(all(target_family = "wasm", feature = "arena"))]
use crate::arena::while_busy;

#[cfg(not(all(target_family = "wasm", feature = "arena")))]
fn while_busy<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn with_instance<C: Component, T>(call: impl FnOnce(&mut Instance<C::Sink>) -> Result<T>) -> Result<T, SinkError> {
    let call = |instance: &mut Instance<C::Sink>| while_busy(|| call(instance));
    C::slot().with(|Slot(slot)| match slot.borrow_mut().as_mut() {
        Some(instance) => call(instance).map_err(SinkError::from),
        None => Err(Error::fatal("a bug in the host: it called a sink that it has not initialised").into()),
    })
}

impl<C: Component> sink::Guest for C {
    fn initialize(context: sink::Context) -> Result<(), SinkError> {
        log::report_panics();
        // A copy: arguments of calls lie where nothing should stay.
        let context = context.clone();
        let instance = while_busy(|| Instance::start(Context::new(context)))?;
        C::slot().with(|Slot(slot)| slot.replace(Some(instance)));
        Ok(())
    }

    fn consumer_configs() -> Result<Vec<ConsumerConfig>, SinkError> {
        let configs = with_instance::<C, _>(|instance| instance.consumer_configs())?;
        Ok(configs.into_iter().map(ConsumerConfig::from).collect())
    }

    fn process_batch(batch: Batch) -> Result<Vec<RecordFailure>, SinkError> {
        with_instance::<C, _>(|instance| instance.process(batch)).map(instance::failures)
    }
}

impl<C: Component> lifecycle::Guest for C {
    fn health_check() -> Result<(), SinkError> {
        with_instance::<C, _>(|instance| instance.sink.health_check())
    }

    fn shutdown() -> Result<(), SinkError> {
        with_instance::<C, _>(|instance| instance.sink.shutdown())
    }
}

/// Makes a [`Sink`](crate::Sink) the one that this component runs. Write it once, in the crate that becomes the
/// component.
///
/// ```
/// # struct MySink;
/// # impl danube_sink::Sink for MySink {
/// #     type Config = serde::de::IgnoredAny;
/// #     fn initialize(_: Self::Config, _: &danube_sink::Context) -> danube_sink::Result<Self> { Ok(Self) }
/// # }
/// danube_sink::register!(MySink);
/// ```
///
/// A panic in the sink is logged as an error, then ends the instance; the host makes a new one. Off wasm the macro only
/// checks that the type is a sink, so that its unit tests run natively.
#[macro_export]
macro_rules! register {
    ($sink:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static SINK: $crate::__private::Slot<$sink> = const { $crate::__private::Slot::empty() };
            }

            struct Registered;

            impl $crate::__private::Component for Registered {
                type Sink = $sink;

                fn slot() -> &'static ::std::thread::LocalKey<$crate::__private::Slot<$sink>> {
                    &SINK
                }
            }

    $crate::__private::bindings::export!(Registered with_types_in $crate::__private::bindings);
        };

        #[cfg(not(target_family = "wasm"))]
        const _: fn() = || {
            fn is_a_sink<S: $crate::Sink>() {}
            is_a_sink::<$sink>();
        };
    };
}
