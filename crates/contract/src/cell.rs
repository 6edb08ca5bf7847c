//! How one Rust value becomes one cell of an Arrow column and back. `read` is only called on arrays whose type was checked.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Field, Fields, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type,
};

use crate::Sensitivity;

/// A value that can stand in a column of a contract table.
pub trait Cell: Sized {
    /// Whether the column may hold nulls.
    const NULLABLE: bool = false;
    /// The Arrow type of the column.
    fn data_type() -> DataType;
    /// The column that holds `values`, in order.
    fn build(values: Vec<Self>) -> ArrayRef;
    /// The value at `row` of a column of [`Cell::data_type`].
    fn read(array: &dyn Array, row: usize) -> Self;
    /// What stands under a null slot.
    fn blank() -> Self;
}

macro_rules! primitive_cell {
    ($rust:ty, $arrow:ty, $kind:ident) => {
        impl Cell for $rust {
            fn data_type() -> DataType {
                DataType::$kind
            }
            fn build(values: Vec<Self>) -> ArrayRef {
                Arc::new(PrimitiveArray::<$arrow>::from_iter_values(values))
            }
            fn read(array: &dyn Array, row: usize) -> Self {
                array.as_primitive::<$arrow>().value(row)
            }
            fn blank() -> Self {
                <$rust>::default()
            }
        }
    };
}

primitive_cell!(u32, UInt32Type, UInt32);
primitive_cell!(u64, UInt64Type, UInt64);
primitive_cell!(i32, Int32Type, Int32);
primitive_cell!(i64, Int64Type, Int64);
primitive_cell!(f32, Float32Type, Float32);
primitive_cell!(f64, Float64Type, Float64);

impl Cell for bool {
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn build(values: Vec<Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }
    fn read(array: &dyn Array, row: usize) -> Self {
        array.as_boolean().value(row)
    }
    fn blank() -> Self {
        false
    }
}

impl Cell for String {
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn build(values: Vec<Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }
    fn read(array: &dyn Array, row: usize) -> Self {
        array.as_string::<i32>().value(row).to_owned()
    }
    fn blank() -> Self {
        Self::new()
    }
}

impl<T: Cell> Cell for Option<T> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        T::data_type()
    }
    fn build(values: Vec<Self>) -> ArrayRef {
        let present: NullBuffer = values.iter().map(Option::is_some).collect();
        let built = T::build(values.into_iter().map(|value| value.unwrap_or_else(T::blank)).collect());
        with_nulls(&built, present)
    }
    fn read(array: &dyn Array, row: usize) -> Self {
        array.is_valid(row).then(|| T::read(array, row))
    }
    fn blank() -> Self {
        None
    }
}

/// The same column with other null slots: the buffers stay, so lengths and types hold by construction.
fn with_nulls(array: &ArrayRef, present: NullBuffer) -> ArrayRef {
    let data = array.to_data().into_builder().nulls(Some(present));
    match data.build() {
        Ok(data) => arrow::array::make_array(data),
        Err(error) => unreachable!("a null buffer of the column's own length always fits: {error}"),
    }
}

impl<T: Cell> Cell for Vec<T> {
    fn data_type() -> DataType {
        DataType::List(item_field::<T>())
    }
    fn build(values: Vec<Self>) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(values.iter().map(Vec::len));
        let items = T::build(values.into_iter().flatten().collect());
        Arc::new(ListArray::new(item_field::<T>(), offsets, items, None))
    }
    fn read(array: &dyn Array, row: usize) -> Self {
        let items = array.as_list::<i32>().value(row);
        (0..items.len()).map(|index| T::read(items.as_ref(), index)).collect()
    }
    fn blank() -> Self {
        Self::new()
    }
}

fn item_field<T: Cell>() -> Arc<Field> {
    Arc::new(Field::new("element", T::data_type(), T::NULLABLE))
}

/// Builds the struct column of `fields` from one array for each.
pub(crate) fn struct_array(fields: Fields, columns: Vec<ArrayRef>) -> ArrayRef {
    Arc::new(StructArray::new(fields, columns, None))
}

impl Cell for Sensitivity {
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn build(values: Vec<Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values.iter().map(|level| level.name())))
    }
    fn read(array: &dyn Array, row: usize) -> Self {
        // A level this build does not know is treated as the most sensitive one.
        array.as_string::<i32>().value(row).parse().unwrap_or(Self::Restricted)
    }
    fn blank() -> Self {
        Self::Restricted
    }
}

/// Declares a plain struct that is a `Struct` cell: one child column for each field.
macro_rules! struct_cell {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident : $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type,)+ }

        impl $name {
            fn arrow_fields() -> arrow::datatypes::Fields {
                vec![$(arrow::datatypes::Field::new(
                    stringify!($field),
                    <$type as $crate::Cell>::data_type(),
                    <$type as $crate::Cell>::NULLABLE,
                ),)+].into()
            }
        }

        impl $crate::Cell for $name {
            fn data_type() -> arrow::datatypes::DataType {
                arrow::datatypes::DataType::Struct(Self::arrow_fields())
            }
            fn build(values: Vec<Self>) -> arrow::array::ArrayRef {
                $(let mut $field = Vec::with_capacity(values.len());)+
                for value in values { $($field.push(value.$field);)+ }
                let columns = vec![$(<$type as $crate::Cell>::build($field),)+];
                $crate::cell::struct_array(Self::arrow_fields(), columns)
            }
            fn read(array: &dyn arrow::array::Array, row: usize) -> Self {
                let mut columns = arrow::array::AsArray::as_struct(array).columns().iter();
                let mut next = || columns.next().map_or_else(|| unreachable!("the struct's type was checked"), |column| column.as_ref());
                Self { $($field: <$type as $crate::Cell>::read(next(), row),)+ }
            }
            fn blank() -> Self {
                Self::default()
            }
        }
    };
}

/// Declares a closed set of names that is stored as text.
macro_rules! named_cell {
    ($(#[$meta:meta])* pub enum $name:ident ($what:literal, $expected:literal) { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// The name in files and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ContractError;
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::ContractError::UnknownName { what: $what, value: name.to_owned(), expected: $expected }),
                }
            }
        }

        impl $crate::Cell for $name {
            fn data_type() -> arrow::datatypes::DataType {
                arrow::datatypes::DataType::Utf8
            }
            fn build(values: Vec<Self>) -> arrow::array::ArrayRef {
                std::sync::Arc::new(arrow::array::StringArray::from_iter_values(values.iter().map(|value| value.name())))
            }
            fn read(array: &dyn arrow::array::Array, row: usize) -> Self {
                arrow::array::AsArray::as_string::<i32>(array).value(row).parse().unwrap_or_default()
            }
            fn blank() -> Self {
                Self::default()
            }
        }
    };
}

pub(crate) use {named_cell, struct_cell};
