//! Functions of addresses and networks.

use core::net::IpAddr;

use ipnet::IpNet;
use mlinfra_api::Value;

use super::{Fault, Needs, Row, count_at, fits_list, text_at, wrong};

pub(super) const BODIES: &[Row] = &[
    ("host", Needs::All, |_, values| host(values)),
    ("in_network", Needs::All, |_, values| {
        let (address, network) = (address_at(values, 0)?, network_at(values, 1)?);
        Ok(Value::Bool(network.contains(&address)))
    }),
    ("overlaps", Needs::All, |_, values| {
        let (left, right) = (network_at(values, 0)?, network_at(values, 1)?);
        Ok(Value::Bool(left.contains(&right) || right.contains(&left)))
    }),
    ("subnet", Needs::All, |_, values| {
        let (network, bits) = (network_at(values, 0)?, count_at(values, 1)?);
        let number = count_at(values, 2)?;
        let length = prefix(network, bits)?;
        part(network, length, number as u128).map(network_value)
    }),
    ("subnets", Needs::All, |_, values| subnets(values)),
];

/// An address, of version 4 or 6.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// A network; the bits behind the prefix are zero.
pub(crate) fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok()
}

fn address_at(values: &[Value], place: usize) -> Result<IpAddr, Fault> {
    let advice = "an address is written `10.0.0.1` or `2001:db8::1`";
    parse_address(text_at(values, place)?).ok_or_else(|| wrong(place, "this is no address", advice))
}

fn network_at(values: &[Value], place: usize) -> Result<IpNet, Fault> {
    let advice = "a network is written `10.0.0.0/16` or `2001:db8::/32`";
    let network = parse_network(text_at(values, place)?);
    network.ok_or_else(|| wrong(place, "this is no network", advice))
}

fn network_value(network: IpNet) -> Value {
    Value::String(network.trunc().to_string())
}

/// The prefix of a part that takes so many more bits.
fn prefix(network: IpNet, bits: usize) -> Result<u8, Fault> {
    let length = usize::from(network.prefix_len()).saturating_add(bits);
    let most = usize::from(network.max_prefix_len());
    match u8::try_from(length) {
        Ok(fits) if length <= most => Ok(fits),
        _ => Err(wrong(
            1,
            format!("/{length} is longer than an address"),
            "cut the network into fewer parts",
        )),
    }
}

/// The part of this number, counted from 0.
fn part(network: IpNet, length: u8, number: u128) -> Result<IpNet, Fault> {
    let free = u32::from(network.max_prefix_len() - length);
    let bits = u32::from(length - network.prefix_len());
    if bits < u128::BITS && number >> bits != 0 {
        let there = 1_u128 << bits;
        return Err(wrong(
            2,
            format!("there are {there} parts, counted from 0"),
            "take a smaller number, or more bits",
        ));
    }
    let offset = number.checked_shl(free).unwrap_or(0);
    at(network, offset, length).ok_or_else(|| super::unfit(2))
}

/// The network that begins so many addresses behind another.
fn at(network: IpNet, offset: u128, length: u8) -> Option<IpNet> {
    let address = match network.network() {
        IpAddr::V4(first) => {
            let offset = u32::try_from(offset).ok()?;
            IpAddr::from(u32::from(first).checked_add(offset)?.to_be_bytes())
        }
        IpAddr::V6(first) => IpAddr::from(u128::from(first).checked_add(offset)?.to_be_bytes()),
    };
    IpNet::new(address, length).ok()
}

fn subnets(values: &[Value]) -> Result<Value, Fault> {
    let (network, bits) = (network_at(values, 0)?, count_at(values, 1)?);
    let count = count_at(values, 2)?;
    let length = prefix(network, bits)?;
    fits_list(count as u64)?;
    let parts = (0..count).map(|number| part(network, length, number as u128));
    let parts: Result<Vec<Value>, Fault> = parts.map(|part| part.map(network_value)).collect();
    parts.map(Value::List)
}

fn host(values: &[Value]) -> Result<Value, Fault> {
    let (network, number) = (network_at(values, 0)?, count_at(values, 1)?);
    let found = at(network.trunc(), number as u128, network.max_prefix_len());
    let inside = found.filter(|found| network.contains(&found.addr()));
    let host = inside.ok_or_else(|| {
        wrong(
            1,
            "the network has no address of this number",
            "take a smaller one",
        )
    })?;
    Ok(Value::String(host.addr().to_string()))
}
