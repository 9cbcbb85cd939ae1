//! Metric math, as far as scaling policies use it: `+ - * /`, parentheses, numbers, ids, and `FILL`.

use std::iter::Peekable;
use std::str::Chars;

/// An expression that has been read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Id(String),
    Binary(Box<Expression>, Operator, Box<Expression>),
    /// Where there is no value, this one.
    Fill(Box<Expression>, f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Expressions do not nest deeper.
const DEPTH_MAX: usize = 50;

impl Expression {
    /// `None` for what is not of the part of metric math that is played here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parser = Parser { rest: text.chars().peekable(), depth: 0 };
        let expression = parser.sum()?;
        parser.skip_space();
        parser.rest.next().is_none().then_some(expression)
    }

    /// Has no value where an operand has none, and where it divides by nothing.
    pub(super) fn value(&self, of: &impl Fn(&str) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Id(id) => of(id),
            Self::Fill(inner, value) => Some(inner.value(of).unwrap_or(*value)),
            Self::Binary(left, operator, right) => {
                let (left, right) = (left.value(of)?, right.value(of)?);
                let result = match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                };
                result.is_finite().then_some(result)
            }
        }
    }
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        while self.rest.next_if(|letter| letter.is_whitespace()).is_some() {}
    }

    fn eat(&mut self, letter: char) -> bool {
        self.skip_space();
        self.rest.next_if_eq(&letter).is_some()
    }

    fn sum(&mut self) -> Option<Expression> {
        let mut left = self.product()?;
        loop {
            let operator = if self.eat('+') {
                Operator::Add
            } else if self.eat('-') {
                Operator::Subtract
            } else {
                return Some(left);
            };
            left = Expression::Binary(Box::new(left), operator, Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Option<Expression> {
        let mut left = self.operand()?;
        loop {
            let operator = if self.eat('*') {
                Operator::Multiply
            } else if self.eat('/') {
                Operator::Divide
            } else {
                return Some(left);
            };
            left = Expression::Binary(Box::new(left), operator, Box::new(self.operand()?));
        }
    }

    fn operand(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        let operand = if self.eat('(') {
            let inner = self.sum()?;
            self.eat(')').then_some(inner)?
        } else if self.eat('-') {
            Expression::Binary(
                Box::new(Expression::Number(0.0)),
                Operator::Subtract,
                Box::new(self.operand()?),
            )
        } else {
            let word = self.word();
            match word.chars().next()? {
                first if first.is_ascii_digit() => Expression::Number(word.parse().ok()?),
                _ if word == "FILL" => self.fill()?,
                // Ids begin with a small letter; other words are functions.
                first if first.is_ascii_lowercase() => Expression::Id(word),
                _ => return None,
            }
        };
        self.depth -= 1;
        Some(operand)
    }

    fn fill(&mut self) -> Option<Expression> {
        let inner = self.eat('(').then(|| self.sum())??;
        let value = self.eat(',').then(|| self.operand())??.value(&|_| None)?;
        self.eat(')').then(|| Expression::Fill(Box::new(inner), value))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        self.skip_space();
        while let Some(letter) =
            self.rest.next_if(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.'))
        {
            word.push(letter);
        }
        word
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn value(text: &str) -> Option<f64> {
        let of = |id: &str| match id {
            "m1" => Some(60.0),
            "m2" => Some(4.0),
            "zero" => Some(0.0),
            _ => None,
        };
        Expression::parse(text).unwrap().value(&of)
    }

    #[test]
    fn products_come_before_sums_and_parentheses_before_both() {
        for (text, expected) in [
            ("m1 / m2", 15.0),
            ("m1/(m2+1)", 12.0),
            ("2 + 3*m2", 14.0),
            ("-m2 + 1.5", -2.5),
            ("m1 - 10 - 20", 30.0),
            ("FILL(nothing, 1) * m2", 4.0),
            ("FILL(m1/zero, 0)", 0.0),
        ] {
            assert_eq!(value(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn without_an_operand_or_by_nothing_there_is_no_value() {
        for text in ["nothing + 1", "m1 / zero", "zero / zero"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_played_is_not_read() {
        for text in ["", "m1 +", "(m1", "RATE(m1)", "m1 m2", "SELECT AVG(x)", "m1 % 2"] {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
        assert_eq!(Expression::parse(&"(".repeat(1_000)), None);
    }
}
