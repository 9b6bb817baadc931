"""What an equation is: primitives, the graphs they make, what data and outputs mean."""
